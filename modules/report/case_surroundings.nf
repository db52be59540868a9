include { memoryFor; megabytes } from '../memory'

// What surrounds the clones of a case as statements, each number with the table it comes from.
process CASE_SURROUNDINGS {
    tag "${meta.patient}"
    label 'report'
    label 'tiny'
    memory { memoryFor(task, 153 + 2.4 * megabytes([tables])) }

    input:
    tuple val(meta), path(tables, stageAs: 'tables/*') // by their names: those that the run made

    output:
    tuple val(meta), path("${meta.patient}.surroundings.json"), emit: surroundings
    tuple val('CASE_SURROUNDINGS'), eval('case_surroundings.py --version'), emit: versions, topic: versions

    script:
    """
    case_surroundings.py tables --patient ${meta.patient}
    """

    stub:
    """
    echo '[]' > ${meta.patient}.surroundings.json
    """
}
