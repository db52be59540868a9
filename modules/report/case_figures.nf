include { memoryFor } from '../memory'

// Grids and bands of a case as marks.
process CASE_FIGURES {
    tag "${meta.patient}"
    label 'report'
    label 'tiny'
    memory { memoryFor(task, 40) }

    input:
    tuple val(meta), path(figures)

    output:
    tuple val(meta), path("${meta.patient}.figures.json"), emit: layouts
    tuple val('CASE_FIGURES'), eval('case_figures.py --version'), emit: versions, topic: versions

    script:
    """
    case_figures.py ${figures} --patient ${meta.patient}
    """

    stub:
    """
    echo '[]' > ${meta.patient}.figures.json
    """
}
