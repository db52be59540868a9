include { memoryFor; megabytes } from '../memory'

// Expression of every chromosome arm of every cell, against normal cells of its own kind.
process ARMS {
    tag "${meta.patient}"
    label 'tumour'
    label 'medium'
    memory { memoryFor(task, 457 + 1.1 * megabytes([labels, clones, cells])) }

    input:
    tuple val(meta), path(labels), path(clones), path(cells, stageAs: 'cells/*')
    path positions
    path gtf // [] unless the reference is another than hg38
    path masked

    output:
    tuple val(meta), path("${meta.patient}.arms.parquet"), emit: arms
    tuple val(meta), path("${meta.patient}.arm_genes.parquet"), emit: genes
    tuple val(meta), path("${meta.patient}.arms.json"), emit: facts
    tuple val('ARMS'), eval('arms.py --version'), emit: versions, topic: versions

    script:
    def annotation = gtf ? "--gtf ${gtf}" : ''
    """
    arms.py ${cells} --patient ${meta.patient} --labels ${labels} --clones ${clones} \\
        --gene-positions ${positions} ${annotation} --masked ${masked}
    """

    stub:
    """
    touch ${meta.patient}.arms.parquet ${meta.patient}.arm_genes.parquet
    echo '{}' > ${meta.patient}.arms.json
    """
}
