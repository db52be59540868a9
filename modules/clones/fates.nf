include { memoryFor; megabytes } from '../memory'

// Persistent, expanded, contracted, emerging, lost or undetermined: each clone over the patient's time points.
process FATES {
    tag "${meta.patient}"
    label 'clones'
    label 'small'
    memory { memoryFor(task, 276 + 23 * megabytes([labels, clones, table])) }

    input:
    tuple val(meta), path(labels), path(clones), path(table)
    path samples

    output:
    tuple val(meta), path("${meta.patient}.fates.tsv"), emit: fates
    tuple val(meta), path("${meta.patient}.fates.json"), emit: facts
    path "${meta.patient}.fates_mqc.json", emit: multiqc
    tuple val('FATES'), eval('fates.py --version'), emit: versions, topic: versions

    script:
    """
    fates.py ${clones} --patient ${meta.patient} --samples ${samples} --labels ${labels} --table ${table}
    """

    stub:
    """
    touch ${meta.patient}.fates.tsv ${meta.patient}.fates_mqc.json
    echo '{}' > ${meta.patient}.fates.json
    """
}
