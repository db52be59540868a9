include { memoryFor; megabytes } from '../memory'

// Each contig: the cell's own receptor, or caught from the ambient of its library.
process OWN_CHAINS {
    tag "${meta.patient}"
    label 'clones'
    label 'small'
    memory { memoryFor(task, 199 + 48 * megabytes([labels, chains])) }

    input:
    tuple val(meta), path(labels), path(chains)

    output:
    tuple val(meta), path("${meta.patient}.own_chains.parquet"), emit: chains
    tuple val(meta), path("${meta.patient}.own_chains.json"), emit: facts
    path "${meta.patient}.own_chains_mqc.json", emit: multiqc
    tuple val('OWN_CHAINS'), eval('own_chains.py --version'), emit: versions, topic: versions

    script:
    """
    own_chains.py ${chains} --patient ${meta.patient} --labels ${labels}
    """

    stub:
    """
    touch ${meta.patient}.own_chains.parquet ${meta.patient}.own_chains_mqc.json
    echo '{}' > ${meta.patient}.own_chains.json
    """
}
