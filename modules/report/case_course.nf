include { memoryFor } from '../memory'

// Figures of therapy, laboratory, bulk MRD, CAR-T cells and FISH, as data.
process CASE_COURSE {
    tag "${meta.patient}"
    label 'report'
    label 'tiny'
    memory { memoryFor(task, 170) }

    input:
    tuple val(meta), path(tables, stageAs: 'tables/*') // by their names: those that the run made
    path colours

    output:
    tuple val(meta), path("${meta.patient}.course.json"), path("${meta.patient}.tumour.json"), emit: figures
    tuple val('CASE_COURSE'), eval('case_course.py --version'), emit: versions, topic: versions

    script:
    """
    case_course.py tables --patient ${meta.patient} --colours ${colours}
    case_tumour.py tables --patient ${meta.patient} --colours ${colours}
    """

    stub:
    """
    echo '[]' > ${meta.patient}.course.json
    echo '[]' > ${meta.patient}.tumour.json
    """
}
