// Line of time, network and summary of a case as SVG.
process CASE_DRAWINGS {
    tag "${meta.patient}"
    label 'report'
    label 'tiny'

    input:
    tuple val(meta), path(figures)

    output:
    tuple val(meta), path('*.svg'), emit: drawings, optional: true
    tuple val('CASE_DRAWINGS'), eval('case_drawings.py --version'), emit: versions, topic: versions

    script:
    """
    case_drawings.py ${figures} --patient ${meta.patient}
    """

    stub:
    """
    touch ${meta.patient}.case_drawings.svg
    """
}
