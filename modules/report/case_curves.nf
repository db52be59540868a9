// Curves and distributions of a case as SVG.
process CASE_CURVES {
    tag "${meta.patient}"
    label 'report'
    label 'tiny'

    input:
    tuple val(meta), path(figures)

    output:
    tuple val(meta), path('*.svg'), emit: drawings, optional: true
    tuple val('CASE_CURVES'), eval('case_curves.py --version'), emit: versions, topic: versions

    script:
    """
    case_curves.py ${figures} --patient ${meta.patient}
    """

    stub:
    """
    touch ${meta.patient}.case_curves.svg
    """
}
