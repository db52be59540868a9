include { memoryFor; megabytes } from '../memory'

// The answer of a case as statements, each number with the table it comes from.
process CASE_ANSWER {
    tag "${meta.patient}"
    label 'report'
    label 'tiny'
    memory { memoryFor(task, 140 + 0.3 * megabytes([tables])) }

    input:
    tuple val(meta), path(tables, stageAs: 'tables/*') // by their names: those that the run made

    output:
    tuple val(meta), path("${meta.patient}.answer.json"), emit: answer
    tuple val('CASE_ANSWER'), eval('case_answer.py --version'), emit: versions, topic: versions

    script:
    """
    case_carriers.py tables --patient ${meta.patient}
    case_clones.py tables --patient ${meta.patient}
    case_answer.py tables --patient ${meta.patient} --carriers ${meta.patient}.carriers.json --moves ${meta.patient}.moves.json
    """

    stub:
    """
    echo '{}' > ${meta.patient}.answer.json
    """
}
