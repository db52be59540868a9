include { memoryFor; megabytes } from '../memory'

// Receptor chains of a patient's kept cells, over all samples, and chain categories as scirpy names them.
process CHAINS {
    tag "${meta.patient}"
    label 'clones'
    label 'small'
    memory { memoryFor(task, 199 + 41 * megabytes([labels, contigs])) }

    input:
    tuple val(meta), path(labels), path(contigs, stageAs: 'contigs/*')

    output:
    tuple val(meta), path("${meta.patient}.chains.parquet"), emit: chains
    tuple val(meta), path("${meta.patient}.pairing.parquet"), emit: pairing
    path "${meta.patient}.chains_mqc.json", emit: multiqc
    tuple val('CHAINS'), eval('chains.py --version'), emit: versions, topic: versions

    script:
    """
    chains.py ${contigs} --patient ${meta.patient} --labels ${labels}
    """

    stub:
    """
    touch ${meta.patient}.chains.parquet ${meta.patient}.pairing.parquet ${meta.patient}.chains_mqc.json
    """
}
