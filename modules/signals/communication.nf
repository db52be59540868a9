include { memoryFor; megabytes } from '../memory'

// Ligand-receptor pairs between the cell groups of one sample: five methods and their consensus.
process COMMUNICATION {
    tag "${meta.sample}"
    label 'signals'
    label 'small'
    memory { memoryFor(task, 366 + 43 * megabytes([cells])) }

    input:
    tuple val(meta), path(cells)
    path interactions
    path watch_list
    val settings // min_cells, min_share, permutations, seed

    output:
    tuple val(meta), path("${meta.sample}.communication.parquet"), emit: scores
    tuple val(meta), path("${meta.sample}.communication.json"), emit: facts
    tuple val('COMMUNICATION'), eval('communication.py --version'), emit: versions, topic: versions

    script:
    """
    communication.py ${cells} --interactions ${interactions} --watch-list ${watch_list} \\
        --min-cells ${settings.min_cells} --min-share ${settings.min_share} \\
        --permutations ${settings.permutations} --seed ${settings.seed}
    """

    stub:
    """
    touch ${meta.sample}.communication.parquet
    echo '{}' > ${meta.sample}.communication.json
    """
}
