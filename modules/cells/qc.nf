process QC {
    tag "${meta.sample}"
    label 'sample'
    label 'cells'
    label 'medium'

    input:
    tuple val(meta), path(counts), path(contigs)
    val thresholds // map: qc, min_umi, min_genes, max_genes, max_mito, max_hb, doublets, min_cells, seed

    output:
    tuple val(meta), path("${meta.sample}.cells.h5ad"), emit: cells, optional: true
    tuple val(meta), path("${meta.sample}.qc.parquet"), emit: metrics
    tuple val(meta), path("${meta.sample}.genes.parquet"), emit: genes, optional: true
    tuple val(meta), path("${meta.sample}.qc.json"), emit: facts
    tuple val('QC'), eval('qc.py --version'), emit: versions, topic: versions

    script:
    def limits = ['min_umi', 'min_genes', 'max_genes', 'max_mito', 'max_hb', 'min_cells', 'seed']
    def numbers = limits.collect { name -> "--${name.replace('_', '-')} ${thresholds[name]}" }.join(' ')
    """
    # code: _barcodes.py _cli.py _compiled.py _errors.py _receptors.py _tables.py
    qc.py ${counts} --sample ${meta.sample} --contigs ${contigs} \\
        --qc ${thresholds.qc} --doublets ${thresholds.doublets} ${numbers}
    """

    stub:
    """
    touch ${meta.sample}.cells.h5ad ${meta.sample}.qc.parquet ${meta.sample}.genes.parquet
    echo '{"sample": "${meta.sample}", "status": "pass"}' > ${meta.sample}.qc.json
    """
}
