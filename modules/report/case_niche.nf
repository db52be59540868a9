include { memoryFor; megabytes } from '../memory'

// Figures of communication and interferon state, as data.
process CASE_NICHE {
    tag "${meta.patient}"
    label 'report'
    label 'tiny'
    memory { memoryFor(task, 161 + 7.2 * megabytes([tables])) }

    input:
    tuple val(meta), path(tables, stageAs: 'tables/*') // by their names: those that the run made
    path colours

    output:
    tuple val(meta), path("${meta.patient}.niche.json"), emit: figures
    tuple val('CASE_NICHE'), eval('case_niche.py --version'), emit: versions, topic: versions

    script:
    """
    case_niche.py tables --patient ${meta.patient} --colours ${colours}
    """

    stub:
    """
    echo '[]' > ${meta.patient}.niche.json
    """
}
