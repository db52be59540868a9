// AIRR rearrangement table with clones, and somatic hypermutation where the input carries alignments.
process REARRANGEMENTS {
    tag "${meta.patient}"
    label 'patient'
    label 'clones'
    label 'tiny'

    input:
    tuple val(meta), path(labels), path(clones), path(chains), path(contigs, stageAs: 'contigs/*')

    output:
    tuple val(meta), path("${meta.patient}.airr_rearrangement.tsv"), emit: airr
    tuple val(meta), path("${meta.patient}.hypermutation.tsv")
    tuple val('REARRANGEMENTS'), eval('rearrangements.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _cli.py _clones.py _errors.py _tables.py
    rearrangements.py ${contigs} --patient ${meta.patient} --labels ${labels} --clones ${clones} --chains ${chains}
    """

    stub:
    """
    touch ${meta.patient}.airr_rearrangement.tsv ${meta.patient}.hypermutation.tsv
    """
}
