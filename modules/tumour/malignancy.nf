include { memoryFor; megabytes } from '../memory'

// Malignant, normal or undecided: every cell, with the lines of evidence.
process MALIGNANCY {
    tag "${meta.patient}"
    label 'tumour'
    label 'small'
    memory { memoryFor(task, 503 + 1.4 * megabytes([labels, clones, matrices, cnv, cells, fish])) }

    input:
    tuple val(meta), path(labels), path(clones), path(matrices, stageAs: 'cells/*'), path(cnv), path(cells), path(fish)
    path clinical // [] without a clinical table
    path programmes
    val min_evidence

    output:
    tuple val(meta), path("${meta.patient}.malignancy.tsv"), emit: table
    tuple val(meta), path("${meta.patient}.malignancy.parquet"), emit: cells
    tuple val(meta), path("${meta.patient}.malignancy.json"), emit: facts
    path "${meta.patient}.malignancy_mqc.json", emit: multiqc
    tuple val('MALIGNANCY'), eval('malignancy.py --version'), emit: versions, topic: versions

    script:
    def tables = (fish ? "--fish ${fish} " : '') + (clinical ? "--clinical ${clinical}" : '')
    """
    evidence.py ${matrices} --patient ${meta.patient} --labels ${labels} --clones ${clones} \\
        --cnv ${cnv} --cnv-cells ${cells} ${tables} --programmes ${programmes}
    malignancy.py evidence.parquet --patient ${meta.patient} --expanded expanded_clones.json --min-evidence ${min_evidence}
    """

    stub:
    """
    touch ${meta.patient}.malignancy.tsv ${meta.patient}.malignancy.parquet ${meta.patient}.malignancy_mqc.json
    echo '{}' > ${meta.patient}.malignancy.json
    """
}
