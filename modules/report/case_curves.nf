include { memoryFor } from '../memory'

// Curves, distributions and bars of a case as marks.
process CASE_CURVES {
    tag "${meta.patient}"
    label 'report'
    label 'tiny'
    memory { memoryFor(task, 40) }

    input:
    tuple val(meta), path(figures)

    output:
    tuple val(meta), path("${meta.patient}.curves.json"), path("${meta.patient}.bars.json"), emit: layouts
    tuple val('CASE_CURVES'), eval('case_curves.py --version'), emit: versions, topic: versions

    script:
    """
    case_curves.py ${figures} --patient ${meta.patient}
    case_bars.py ${figures} --patient ${meta.patient}
    """

    stub:
    """
    echo '[]' > ${meta.patient}.curves.json
    echo '[]' > ${meta.patient}.bars.json
    """
}
