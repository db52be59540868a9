// Diversity at equal depth, gene usage, isotypes, light chains, and clones shared between subsets.
process REPERTOIRE {
    tag "${meta.patient}"
    label 'patient'
    label 'clones'
    label 'tiny'

    input:
    tuple val(meta), path(labels), path(clones), path(chains)
    val seed

    output:
    tuple val(meta), path("${meta.patient}.{diversity,usage,overlap}.tsv")
    path "${meta.patient}.repertoire_mqc.json", emit: multiqc
    tuple val('REPERTOIRE'), eval('repertoire.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _chains.py _cli.py _clones.py _errors.py _receptors.py _series.py _shares.py _tables.py _words.py
    repertoire.py ${clones} --patient ${meta.patient} --labels ${labels} --chains ${chains} --seed ${seed}
    """

    stub:
    """
    touch ${meta.patient}.diversity.tsv ${meta.patient}.usage.tsv ${meta.patient}.overlap.tsv
    touch ${meta.patient}.repertoire_mqc.json
    """
}
