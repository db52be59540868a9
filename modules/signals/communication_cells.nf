// The cells that communication is read from: a bounded draw per group, genes of known pairs only.
process COMMUNICATION_CELLS {
    tag "${meta.sample}"
    label 'sample'
    label 'signals'
    label 'tiny'

    input:
    tuple val(meta), path(cells), path(labels)
    path interactions
    path lineages
    val drawing // map: level, max_cells, seed

    output:
    tuple val(meta), path("${meta.sample}.communication_cells.h5ad"), emit: cells
    tuple val('COMMUNICATION_CELLS'), eval('communication_cells.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _cli.py _errors.py _matrices.py _pairs.py _receptors.py _tables.py
    communication_cells.py ${cells} --sample ${meta.sample} --labels ${labels} --lineages ${lineages} \\
        --interactions ${interactions} --level ${drawing.level} --max-cells ${drawing.max_cells} --seed ${drawing.seed}
    """

    stub:
    """
    touch ${meta.sample}.communication_cells.h5ad
    """
}
