// Malignant, normal or undecided: every cell, with the lines of evidence.
process MALIGNANCY {
    tag "${meta.patient}"
    label 'tumour'
    label 'small'

    input:
    tuple val(meta), path(labels), path(clones), path(matrices, stageAs: 'cells/*'), path(cnv), path(cells), path(fish) // fish: or []
    path clinical // [] without a clinical table
    path lineages
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
    # code: _cli.py _clones.py _errors.py _evidence.py _matrices.py _receptors.py _shares.py _tables.py
    malignancy.py ${matrices} --patient ${meta.patient} --labels ${labels} --clones ${clones} \\
        --cnv ${cnv} --cnv-cells ${cells} ${tables} --lineages ${lineages} --programmes ${programmes} \\
        --min-evidence ${min_evidence}
    """

    stub:
    """
    touch ${meta.patient}.malignancy.tsv ${meta.patient}.malignancy.parquet ${meta.patient}.malignancy_mqc.json
    echo '{}' > ${meta.patient}.malignancy.json
    """
}
