include { memoryFor; megabytes } from '../memory'

// Gains and losses of arms: populations that carry them, shares over time, sub-clones, cells.
process CNV {
    tag "${meta.patient}"
    label 'tumour'
    label 'small'
    memory { memoryFor(task, 288 + 6.2 * megabytes([labels, arms, shifts])) }

    input:
    tuple val(meta), path(labels), path(arms), path(shifts)
    val seed

    output:
    tuple val(meta), path("${meta.patient}.cnv.tsv"), emit: table
    tuple val(meta), path("${meta.patient}.cnv.parquet"), emit: cells
    path "${meta.patient}.cnv_mqc.json", emit: multiqc
    tuple val('CNV'), eval('cnv.py --version'), emit: versions, topic: versions

    script:
    """
    arm_events.py ${arms} --shifts ${shifts} --seed ${seed}
    cnv.py arm_events.parquet arm_densities.parquet --patient ${meta.patient} --labels ${labels}
    """

    stub:
    """
    touch ${meta.patient}.cnv.tsv ${meta.patient}.cnv.parquet ${meta.patient}.cnv_mqc.json
    """
}
