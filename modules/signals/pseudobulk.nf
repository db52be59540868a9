// Sums over the cells of each type and subset: all that a comparison of expression needs.
process PSEUDOBULK {
    tag "${meta.sample}"
    label 'sample'
    label 'signals'
    label 'medium'

    input:
    tuple val(meta), path(cells), path(labels), path(ambient) // ambient: files of AMBIENT, [] where it failed

    output:
    tuple val(meta), path("${meta.sample}.pseudobulk.h5ad"), emit: sums
    tuple val('PSEUDOBULK'), eval('pseudobulk.py --version'), emit: versions, topic: versions

    script:
    def soup = ambient ? "--ambient ${meta.sample}.ambient.parquet --soup ${meta.sample}.soup.parquet" : ''
    """
    # code: _cli.py _compiled.py _errors.py _matrices.py _tables.py
    pseudobulk.py ${cells} --sample ${meta.sample} --labels ${labels} ${soup}
    """

    stub:
    """
    touch ${meta.sample}.pseudobulk.h5ad
    """
}
