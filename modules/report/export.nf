include { memoryFor } from '../functions/memory'

// The whole run as one h5mu, and as one h5ad for cellxgene.
process EXPORT {
    label 'report'
    label 'by_input'
    memory { memoryFor(task, 0.5, 1.3, [matrices, cells, airr, embedding, subsets, signatures]) }

    input:
    path matrices // <sample>.cells.h5ad
    path cells
    path airr // [] where the run has no receptors
    path embedding // [] where there is none
    path subsets // <lineage>.subsets.parquet
    path signatures // <sample>.signatures.parquet
    path colours
    path columns
    val kinds // h5mu,h5ad

    output:
    path 'clonewatch.h5mu', optional: true
    path 'cells.h5ad', optional: true
    tuple val('EXPORT'), eval('export.py --version'), emit: versions, topic: versions

    script:
    def receptors = airr ? "--airr ${airr}" : ''
    def components = embedding ? "--embedding ${embedding}" : ''
    def layouts = [subsets].flatten().collect { file -> "--subsets ${file}" }.join(' ')
    def scores = [signatures].flatten().collect { file -> "--signatures ${file}" }.join(' ')
    """
    # code: _cli.py _errors.py _matrices.py _receptors.py _results.py _series.py _tables.py _words.py
    export.py ${matrices} --cells ${cells} ${receptors} ${components} ${layouts} ${scores} --export ${kinds} \\
        --colours ${colours} --columns ${columns}
    """

    stub:
    """
    touch clonewatch.h5mu cells.h5ad
    """
}
