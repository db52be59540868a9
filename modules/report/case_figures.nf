// Bars, dots and clones of a case as SVG.
process CASE_FIGURES {
    tag "${meta.patient}"
    label 'report'
    label 'tiny'

    input:
    tuple val(meta), path(figures)

    output:
    tuple val(meta), path('*.svg'), emit: drawings, optional: true
    tuple val('CASE_FIGURES'), eval('case_figures.py --version'), emit: versions, topic: versions

    script:
    """
    case_figures.py ${figures} --patient ${meta.patient}
    """

    stub:
    """
    touch ${meta.patient}.case_figures.svg
    """
}
