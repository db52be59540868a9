include { memoryFor; megabytes } from '../memory'

// Bulk MRD rearrangements matched to the chains of single cells.
process MRD_MATCH {
    tag "${meta.patient}"
    label 'clones'
    label 'small'
    memory { memoryFor(task, 186 + 70 * megabytes([chains])) }

    input:
    tuple val(meta), path(chains), path(mrd)
    val mrd_mismatch

    output:
    tuple val(meta), path("${meta.patient}.mrd_matches.tsv"), emit: matches
    tuple val(meta), path("${meta.patient}.mrd_cells.parquet"), emit: carriers
    tuple val(meta), path("${meta.patient}.mrd_curve.tsv"), emit: curve
    tuple val('MRD_MATCH'), eval('mrd_match.py --version'), emit: versions, topic: versions

    script:
    """
    mrd_match.py ${mrd} --patient ${meta.patient} --chains ${chains} --mrd-mismatch ${mrd_mismatch}
    """

    stub:
    """
    touch ${meta.patient}.mrd_matches.tsv ${meta.patient}.mrd_cells.parquet ${meta.patient}.mrd_curve.tsv
    """
}
