// Gains and losses of chromosome arms: populations and cells that carry them, their shares over time, sub-clones.
process CNV {
    tag "${meta.patient}"
    label 'patient'
    label 'tumour'
    label 'small'

    input:
    tuple val(meta), path(labels), path(clones), path(cells, stageAs: 'cells/*')
    path lineages
    path positions
    path gtf // [] unless the reference is another than hg38
    path masked
    val seed

    output:
    tuple val(meta), path("${meta.patient}.cnv.tsv"), emit: table
    tuple val(meta), path("${meta.patient}.cnv.parquet"), emit: cells
    tuple val(meta), path("${meta.patient}.{arm_shifts.tsv,arms.json,cnv_windows.tsv}")
    path "${meta.patient}.cnv_mqc.json", emit: multiqc
    tuple val('CNV'), eval('cnv.py --version'), emit: versions, topic: versions

    script:
    def annotation = gtf ? "--gtf ${gtf}" : ''
    """
    # code: _arm_events.py _arm_profile.py _arms.py _cli.py _clones.py _errors.py _matrices.py _receptors.py _series.py
    # code: _shares.py _tables.py _words.py
    cnv.py ${cells} --patient ${meta.patient} --labels ${labels} --clones ${clones} --lineages ${lineages} \\
        --gene-positions ${positions} ${annotation} --masked ${masked} --seed ${seed}
    """

    stub:
    """
    touch ${meta.patient}.cnv.tsv ${meta.patient}.cnv.parquet ${meta.patient}.cnv_mqc.json
    touch ${meta.patient}.arm_shifts.tsv ${meta.patient}.cnv_windows.tsv
    echo '{}' > ${meta.patient}.arms.json
    """
}
