// Bulk MRD rearrangements matched to single cells: which cells carry each clone, over time, with reasons where none is seen.
process MRD {
    tag "${meta.patient}"
    label 'patient'
    label 'clones'
    label 'tiny'

    input:
    tuple val(meta), path(labels), path(clones), path(chains), path(table), path(mrd)
    path lineages
    path vdj_library
    path genes
    val mrd_mismatch

    output:
    tuple val(meta), path("${meta.patient}.{mrd,mrd_matches,mrd_curve}.tsv"), emit: tables
    tuple val(meta), path("${meta.patient}.mrd_cells.parquet"), emit: carriers
    path "${meta.patient}.mrd_mqc.json", emit: multiqc
    tuple val('MRD'), eval('mrd.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _cli.py _clones.py _detection.py _errors.py _genes.py _mrd_match.py _mrd_testable.py _mrd_unseen.py _receptors.py
    # code: _series.py _shares.py _tables.py _words.py
    mrd.py ${mrd} --patient ${meta.patient} --clones ${clones} --table ${table} --chains ${chains} \\
        --labels ${labels} --lineages ${lineages} --library ${vdj_library} --genes ${genes} --mrd-mismatch ${mrd_mismatch}
    """

    stub:
    """
    touch ${meta.patient}.mrd.tsv ${meta.patient}.mrd_matches.tsv ${meta.patient}.mrd_curve.tsv
    touch ${meta.patient}.mrd_cells.parquet ${meta.patient}.mrd_mqc.json
    """
}
