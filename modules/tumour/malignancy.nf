// Malignant, normal, undecided or not testable: every cell, with the lines of evidence.
process MALIGNANCY {
    tag "${meta.patient}"
    label 'patient'
    label 'tumour'
    label 'small'

    input:
    // fish, clinical, events: the patient's rows, [] without such a table
    tuple val(meta), path(labels), path(clones), path(matrices, stageAs: 'cells/*'), path(cnv), path(cells),
        path(fish), path(clinical), path(events)
    path lineages
    path programmes
    path precursor_genes
    val min_evidence

    output:
    tuple val(meta), path("${meta.patient}.malignancy.tsv"), emit: table
    tuple val(meta), path("${meta.patient}.precursors.tsv"), emit: precursors
    tuple val(meta), path("${meta.patient}.malignancy.parquet"), emit: cells
    tuple val(meta), path("${meta.patient}.malignancy.json"), emit: facts
    path "${meta.patient}.malignancy_mqc.json", emit: multiqc
    tuple val('MALIGNANCY'), eval('malignancy.py --version'), emit: versions, topic: versions

    script:
    def tables = (fish ? "--fish ${fish} " : '') + (clinical ? "--clinical ${clinical} " : '') + (events ? "--events ${events}" : '')
    """
    # code: _cli.py _clones.py _errors.py _evidence.py _matrices.py _precursors.py _receptors.py _series.py _shares.py
    # code: _tables.py _words.py
    malignancy.py ${matrices} --patient ${meta.patient} --labels ${labels} --clones ${clones} \\
        --cnv ${cnv} --cnv-cells ${cells} ${tables} --lineages ${lineages} --programmes ${programmes} \\
        --precursors ${precursor_genes} --min-evidence ${min_evidence}
    """

    stub:
    """
    touch ${meta.patient}.malignancy.tsv ${meta.patient}.precursors.tsv ${meta.patient}.malignancy.parquet
    touch ${meta.patient}.malignancy_mqc.json
    echo '{}' > ${meta.patient}.malignancy.json
    """
}
