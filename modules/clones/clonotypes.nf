// Clones of BCR and TCR over all samples of a patient, by the stated rule.
process CLONOTYPES {
    tag "${meta.patient}"
    label 'patient'
    label 'clones'
    label 'small'

    input:
    tuple val(meta), path(chains), path(pairing)
    val clone_rule
    val count_ambiguous

    output:
    tuple val(meta), path("${meta.patient}.clones.parquet"), emit: cells
    tuple val(meta), path("${meta.patient}.clonotypes.json"), emit: facts
    tuple val('CLONOTYPES'), eval('clonotypes.py --version'), emit: versions, topic: versions

    script:
    def ambiguous = count_ambiguous ? '--count-ambiguous' : ''
    """
    # code: _airr_cells.py _chain_groups.py _chains.py _cli.py _clones.py _compiled.py _errors.py _gene_sets.py
    # code: _genes.py _partners.py _receptors.py _tables.py
    clonotypes.py ${chains} --patient ${meta.patient} --pairing ${pairing} --clone-rule ${clone_rule} ${ambiguous}
    """

    stub:
    """
    touch ${meta.patient}.clones.parquet
    echo '{}' > ${meta.patient}.clonotypes.json
    """
}
