include { memoryFor } from '../memory'

// Every drawing of a case as SVG and as PDF.
process CASE_PICTURES {
    tag "${meta.patient}"
    label 'report'
    label 'tiny'
    memory { memoryFor(task, 90) }

    input:
    tuple val(meta), path(layouts)

    output:
    tuple val(meta), path('figures/*.svg'), path('narrow/*.svg'), emit: drawings
    path 'figures/*.pdf', emit: files
    tuple val('CASE_PICTURES'), eval('case_pictures.py --version'), emit: versions, topic: versions

    script:
    """
    case_pictures.py ${layouts} --patient ${meta.patient}
    """

    stub:
    """
    mkdir figures narrow
    touch figures/${meta.patient}.summary.svg figures/${meta.patient}.summary.pdf narrow/${meta.patient}.summary.svg
    """
}
