include { memoryFor; megabytes } from '../memory'

// The case in one drawing, as data.
process CASE_SUMMARY {
    tag "${meta.patient}"
    label 'report'
    label 'tiny'
    memory { memoryFor(task, 161 + 7.1 * megabytes([tables])) }

    input:
    tuple val(meta), path(tables, stageAs: 'tables/*') // by their names: those that the run made
    path colours

    output:
    tuple val(meta), path("${meta.patient}.summary.json"), emit: figures
    tuple val('CASE_SUMMARY'), eval('case_summary.py --version'), emit: versions, topic: versions

    script:
    """
    case_summary.py tables --patient ${meta.patient} --colours ${colours}
    """

    stub:
    """
    echo '[]' > ${meta.patient}.summary.json
    """
}
