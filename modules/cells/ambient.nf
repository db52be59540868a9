// Ambient RNA of a sample: the soup's profile, and each cell's contamination.
process AMBIENT {
    tag "${meta.sample}"
    label 'sample'
    label 'cells'
    label 'small'

    input:
    tuple val(meta), path(cells)

    output:
    tuple val(meta), path("${meta.sample}.{ambient.parquet,soup.parquet,ambient.json}"), emit: results
    path "${meta.sample}.ambient.tsv"
    tuple val('AMBIENT'), eval('ambient.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _ambient.py _cli.py _errors.py _matrices.py _tables.py
    ambient.py ${cells} --sample ${meta.sample}
    """

    stub:
    """
    touch ${meta.sample}.ambient.parquet ${meta.sample}.soup.parquet ${meta.sample}.ambient.tsv
    echo '{"sample": "${meta.sample}"}' > ${meta.sample}.ambient.json
    """
}
