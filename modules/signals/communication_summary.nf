include { memoryFor; megabytes } from '../memory'

// Tables for people: pairs per cell group and time, senders to the focus, watched pairs.
process COMMUNICATION_SUMMARY {
    tag "${meta.patient}"
    label 'signals'
    label 'small'
    memory { memoryFor(task, 226 + 9.3 * megabytes([scores, change])) }

    input:
    tuple val(meta), path(scores), path(change), path(facts)
    path samples

    output:
    tuple val(meta), path("${meta.patient}.communication.tsv"), emit: table
    tuple val(meta), path("${meta.patient}.communication_change.tsv"), emit: change
    tuple val(meta), path("${meta.patient}.communication_focus.tsv"), emit: focus
    tuple val(meta), path("${meta.patient}.communication_pairs.tsv"), emit: pairs
    tuple val(meta), path("${meta.patient}.communication_senders.tsv"), emit: senders
    path "${meta.patient}.communication*_mqc.json", emit: multiqc
    tuple val('COMMUNICATION_SUMMARY'), eval('communication_summary.py --version'), emit: versions, topic: versions

    script:
    """
    communication_summary.py ${scores} --patient ${meta.patient} --samples ${samples} --change ${change} \\
        --facts ${facts}
    """

    stub:
    """
    touch ${meta.patient}.communication.tsv ${meta.patient}.communication_{change,focus,pairs,senders}.tsv
    touch ${meta.patient}.communication_mqc.json
    """
}
