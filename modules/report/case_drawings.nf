include { memoryFor } from '../memory'

// Line of time, network and summary of a case as marks.
process CASE_DRAWINGS {
    tag "${meta.patient}"
    label 'report'
    label 'tiny'
    memory { memoryFor(task, 40) }

    input:
    tuple val(meta), path(figures)

    output:
    tuple val(meta), path("${meta.patient}.drawings.json"), emit: layouts
    tuple val('CASE_DRAWINGS'), eval('case_drawings.py --version'), emit: versions, topic: versions

    script:
    """
    case_drawings.py ${figures} --patient ${meta.patient}
    """

    stub:
    """
    echo '[]' > ${meta.patient}.drawings.json
    """
}
