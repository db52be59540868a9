include { memoryFor; megabytes } from '../memory'

// Clones of BCR and TCR over all samples of a patient, by the stated rule.
process CLONOTYPES {
    tag "${meta.patient}"
    label 'clones'
    label 'medium'
    memory { memoryFor(task, 228 + 63 * megabytes([chains, pairing])) }

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
    chain_groups.py ${chains} --patient ${meta.patient} --clone-rule ${clone_rule}
    clonotypes.py ${meta.patient}.chain_groups.parquet --patient ${meta.patient} --pairing ${pairing} \\
        --chain-rule ${meta.patient}.chain_rule.json ${ambiguous}
    """

    stub:
    """
    touch ${meta.patient}.clones.parquet
    echo '{}' > ${meta.patient}.clonotypes.json
    """
}
