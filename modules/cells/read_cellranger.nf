process READ_CELLRANGER {
    tag "${meta.sample}"
    label 'sample'
    label 'cells'
    label 'small'

    input:
    // [] where a sample has none
    tuple val(meta),
        path(gex, stageAs: 'gex/*'), path(vdj_b, stageAs: 'vdj_b/*'), path(vdj_t, stageAs: 'vdj_t/*'),
        path(vdj_t_gd, stageAs: 'vdj_t_gd/*'), path(metrics, stageAs: 'metrics/?/*')
    path gene_ids

    output:
    tuple val(meta), path("${meta.sample}.counts.h5ad"), emit: counts, optional: true
    tuple val(meta), path("${meta.sample}.contigs.parquet"), emit: contigs, optional: true
    tuple val(meta), path("${meta.sample}.read.json"), emit: facts
    tuple val('READ_CELLRANGER'), eval('read_cellranger.py --version'), emit: versions, topic: versions

    script:
    // Three files of a matrix, where its folder holds others too, are read from the folder they are staged in.
    def matrix = [gex].flatten().size() > 1 ? 'gex' : gex
    def libraries = ['vdj-b': vdj_b, 'vdj-t': vdj_t, 'vdj-t-gd': vdj_t_gd]
        .collect { name, table -> table ? "--${name} ${table}" : '' }
        .join(' ')
    def numbers = [metrics].flatten().collect { file -> "--metrics ${file}" }.join(' ')
    """
    # code: _barcodes.py _cellranger_files.py _cli.py _contigs.py _count_matrix.py _errors.py _gene_names.py _receptors.py
    # code: _tables.py
    read_cellranger.py --sample ${meta.sample} --gex ${matrix} ${libraries} ${numbers} \\
        --gene-ids ${gene_ids}
    """

    stub:
    """
    touch ${meta.sample}.counts.h5ad ${meta.sample}.contigs.parquet
    echo '{"sample": "${meta.sample}", "status": "ok"}' > ${meta.sample}.read.json
    """
}
