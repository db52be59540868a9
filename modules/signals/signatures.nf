// Scores of each cell: interferon-stimulated genes and gene sets. No cell needs another for its score.
process SIGNATURES {
    tag "${meta.sample}"
    label 'sample'
    label 'signals'
    label 'medium'

    input:
    tuple val(meta), path(cells)
    path isg
    path sets, stageAs: 'sets/*'
    val method
    val seed

    output:
    tuple val(meta), path("${meta.sample}.signatures.parquet"), emit: scores
    tuple val('SIGNATURES'), eval('signatures.py --version'), emit: versions, topic: versions

    script:
    def files = [sets].flatten().collect { file -> "--gene-sets ${file}" }.join(' ')
    """
    # code: _cli.py _compiled.py _errors.py _matrices.py _signature_scores.py _tables.py
    signatures.py ${cells} --sample ${meta.sample} --isg ${isg} ${files} --method ${method} --seed ${seed}
    """

    stub:
    """
    touch ${meta.sample}.signatures.parquet
    """
}
