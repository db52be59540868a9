include { memoryFor; megabytes } from '../memory'

// One space for the cells of all samples: variable genes, PCA, Harmony, neighbours, clusters, UMAP.
process INTEGRATE {
    label 'cells'
    label 'large'
    memory { memoryFor(task, 507 + 1.4 * megabytes([cells, genes])) }

    input:
    path sheet
    path cells, stageAs: 'samples/*'
    path genes, stageAs: 'samples/*'
    path excluded
    val options // map: integration, integrate_over, clustering, resolution, seed

    output:
    path 'integrated.parquet', emit: clusters
    path 'embedding.parquet', emit: embedding
    tuple path('components.parquet'), path('expression.npz'), emit: space
    path 'variable_genes.tsv', emit: genes
    path 'integration.json', emit: facts
    path 'integrate_mqc.json', emit: multiqc
    tuple val('INTEGRATE'), eval('integrate.py --version'), emit: versions, topic: versions

    script:
    def statistics = [genes].flatten().collect { table -> "--genes ${table}" }.join(' ')
    """
    variable_genes.py ${cells} ${statistics} --samples ${sheet} --excluded ${excluded}
    integrate.py components.parquet expression.npz --samples ${sheet} \\
        --integration ${options.integration} --integrate-over ${options.integrate_over} \\
        --clustering ${options.clustering} --resolution ${options.resolution} --seed ${options.seed}
    """

    stub:
    """
    touch integrated.parquet embedding.parquet components.parquet expression.npz variable_genes.tsv
    echo '{}' | tee integration.json > integrate_mqc.json
    """
}
