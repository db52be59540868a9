include { memoryFor; megabytes } from '../memory'

// Scores of each cell: interferon-stimulated genes and gene sets. No cell needs another for its score.
process SIGNATURES {
    tag "${meta.sample}"
    label 'signals'
    label 'medium'
    memory { memoryFor(task, 402 + 13 * megabytes([cells])) }

    input:
    tuple val(meta), path(cells)
    path isg
    path sets, stageAs: 'sets/*'
    val method
    val seed

    output:
    tuple val(meta), path("${meta.sample}.signatures.parquet"), emit: scores
    tuple val(meta), path("${meta.sample}.signatures.json"), emit: facts
    tuple val('SIGNATURES'), eval('signatures.py --version'), emit: versions, topic: versions

    script:
    def files = [sets].flatten().collect { file -> "--gene-sets ${file}" }.join(' ')
    """
    signatures.py ${cells} --sample ${meta.sample} --isg ${isg} ${files} --method ${method} --seed ${seed}
    """

    stub:
    """
    touch ${meta.sample}.signatures.parquet
    echo '{}' > ${meta.sample}.signatures.json
    """
}
