include { memoryFor; megabytes } from '../memory'

// Diversity at equal depth, gene usage, isotypes, light chains, and clones shared between subsets.
process REPERTOIRE {
    tag "${meta.patient}"
    label 'clones'
    label 'small'
    memory { memoryFor(task, 290 + 44 * megabytes([labels, clones, chains, facts])) }

    input:
    tuple val(meta), path(labels), path(clones), path(chains), path(facts)
    val seed

    output:
    tuple val(meta), path("${meta.patient}.diversity.tsv"), emit: diversity
    tuple val(meta), path("${meta.patient}.usage.tsv"), emit: usage
    tuple val(meta), path("${meta.patient}.overlap.tsv"), emit: overlap
    path "${meta.patient}.repertoire_mqc.json", emit: multiqc
    tuple val('REPERTOIRE'), eval('repertoire.py --version'), emit: versions, topic: versions

    script:
    """
    repertoire.py ${clones} --patient ${meta.patient} --labels ${labels} --chains ${chains} \\
        --facts ${facts} --seed ${seed}
    """

    stub:
    """
    touch ${meta.patient}.diversity.tsv ${meta.patient}.usage.tsv ${meta.patient}.overlap.tsv
    touch ${meta.patient}.repertoire_mqc.json
    """
}
