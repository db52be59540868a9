include { memoryFor; megabytes } from '../memory'

// Figures of composition, clones and subsets, as data.
process CASE_CELLS {
    tag "${meta.patient}"
    label 'report'
    label 'tiny'
    memory { memoryFor(task, 155 + 5.3 * megabytes([tables])) }

    input:
    tuple val(meta), path(tables, stageAs: 'tables/*') // by their names: those that the run made
    path colours

    output:
    tuple val(meta), path("${meta.patient}.cells.json"), emit: figures
    tuple val('CASE_CELLS'), eval('case_cells.py --version'), emit: versions, topic: versions

    script:
    """
    case_cells.py tables --patient ${meta.patient} --colours ${colours}
    """

    stub:
    """
    echo '[]' > ${meta.patient}.cells.json
    """
}
