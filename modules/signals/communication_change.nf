include { memoryFor; megabytes } from '../memory'

// What ligand-receptor pairs do between the times of a patient, with bootstrap intervals over cells.
process COMMUNICATION_CHANGE {
    tag "${meta.patient}"
    label 'signals'
    label 'medium'
    memory { memoryFor(task, 850 + 49 * megabytes([cells])) }

    input:
    tuple val(meta), path(cells)
    path samples
    path interactions
    path watch_list
    val settings // focus, min_cells, min_share, min_fold, draws, seed

    output:
    tuple val(meta), path("${meta.patient}.communication_change.parquet"), emit: change
    tuple val(meta), path("${meta.patient}.communication_change.json"), emit: facts
    tuple val('COMMUNICATION_CHANGE'), eval('communication_change.py --version'), emit: versions, topic: versions

    script:
    """
    communication_change.py ${cells} --patient ${meta.patient} --samples ${samples} \\
        --interactions ${interactions} --watch-list ${watch_list} --focus '${settings.focus}' \\
        --min-cells ${settings.min_cells} --min-share ${settings.min_share} --min-fold ${settings.min_fold} \\
        --draws ${settings.draws} --seed ${settings.seed}
    """

    stub:
    """
    touch ${meta.patient}.communication_change.parquet
    echo '{}' > ${meta.patient}.communication_change.json
    """
}
