include { memoryFor; megabytes } from '../memory'

// The cells that communication is read from: a bounded draw per group, genes of known pairs only.
process COMMUNICATION_CELLS {
    tag "${meta.sample}"
    label 'signals'
    label 'medium'
    memory { memoryFor(task, 420 + 2.1 * megabytes([cells, labels])) }

    input:
    tuple val(meta), path(cells), path(labels)
    path interactions
    val settings // level, max_cells, seed

    output:
    tuple val(meta), path("${meta.sample}.communication_cells.h5ad"), emit: cells
    tuple val('COMMUNICATION_CELLS'), eval('communication_cells.py --version'), emit: versions, topic: versions

    script:
    """
    communication_cells.py ${cells} --sample ${meta.sample} --labels ${labels} --interactions ${interactions} \\
        --level ${settings.level} --max-cells ${settings.max_cells} --seed ${settings.seed}
    """

    stub:
    """
    touch ${meta.sample}.communication_cells.h5ad
    """
}
