include { memoryFor; megabytes } from '../memory'

// Populations of cells along the genome: shift of every arm, and windows of genes for the figure.
process ARM_PROFILE {
    tag "${meta.patient}"
    label 'tumour'
    label 'small'
    memory { memoryFor(task, 214 + 1.3 * megabytes([genes, arms])) }

    input:
    tuple val(meta), path(genes), path(arms)

    output:
    tuple val(meta), path("${meta.patient}.arm_shifts.tsv"), emit: shifts
    tuple val(meta), path("${meta.patient}.cnv_windows.tsv"), emit: windows
    tuple val('ARM_PROFILE'), eval('arm_profile.py --version'), emit: versions, topic: versions

    script:
    """
    arm_profile.py ${genes} --patient ${meta.patient} --arms ${arms}
    """

    stub:
    """
    touch ${meta.patient}.arm_shifts.tsv ${meta.patient}.cnv_windows.tsv
    """
}
