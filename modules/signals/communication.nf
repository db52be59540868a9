// Ligand-receptor pairs between the cell groups of one sample: five methods and their consensus.
process COMMUNICATION {
    tag "${meta.sample}"
    label 'sample'
    label 'signals'
    label 'medium'

    input:
    tuple val(meta), path(cells)
    path interactions
    path watch_list
    val scoring // map: min_cells, min_share, permutations, seed

    output:
    tuple val(meta), path("${meta.sample}.communication.parquet"), emit: scores
    tuple val('COMMUNICATION'), eval('communication.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _cli.py _compiled.py _errors.py _pairs.py _tables.py
    communication.py ${cells} --interactions ${interactions} --watch-list ${watch_list} \\
        --min-cells ${scoring.min_cells} --min-share ${scoring.min_share} \\
        --permutations ${scoring.permutations} --seed ${scoring.seed}
    """

    stub:
    """
    touch ${meta.sample}.communication.parquet
    """
}
