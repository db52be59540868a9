include { memoryFor } from '../functions/memory'

// One space for the cells of all samples: variable genes, PCA, Harmony, neighbours, clusters, UMAP.
process INTEGRATE {
    label 'cells'
    label 'by_input'
    memory { memoryFor(task, 0.65, 1.4, [cells, genes]) }

    input:
    path sheet
    path cells, stageAs: 'samples/*'
    path genes, stageAs: 'samples/*'
    path excluded
    val options // map: integration, integrate_over, clustering, resolution, seed

    output:
    path 'integrated.parquet', emit: clusters
    path 'expression.npz', emit: expression
    path 'embedding.parquet', emit: embedding
    path 'variable_genes.tsv'
    path 'integration.json'
    path 'integrate_mqc.json', emit: multiqc
    tuple val('INTEGRATE'), eval('integrate.py --version'), emit: versions, topic: versions

    script:
    def statistics = [genes].flatten().collect { table -> "--genes ${table}" }.join(' ')
    """
    # code: _cell_space.py _cli.py _compiled.py _errors.py _matrices.py _one_thread.py _tables.py _variable_genes.py
    integrate.py ${cells} ${statistics} --samples ${sheet} --excluded ${excluded} \\
        --integration ${options.integration} --integrate-over ${options.integrate_over} \\
        --clustering ${options.clustering} --resolution ${options.resolution} --seed ${options.seed}
    """

    stub:
    """
    touch integrated.parquet embedding.parquet expression.npz variable_genes.tsv
    echo '{}' | tee integration.json > integrate_mqc.json
    """
}
