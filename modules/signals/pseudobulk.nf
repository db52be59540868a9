include { memoryFor; megabytes } from '../memory'

// Sums over the cells of each type and subset: all that a comparison of expression needs.
process PSEUDOBULK {
    tag "${meta.sample}"
    label 'signals'
    label 'medium'
    memory { memoryFor(task, 253 + 20 * megabytes([cells, labels])) }

    input:
    tuple val(meta), path(cells), path(labels)

    output:
    tuple val(meta), path("${meta.sample}.pseudobulk.h5ad"), emit: sums
    tuple val('PSEUDOBULK'), eval('pseudobulk.py --version'), emit: versions, topic: versions

    script:
    """
    pseudobulk.py ${cells} --sample ${meta.sample} --labels ${labels}
    """

    stub:
    """
    touch ${meta.sample}.pseudobulk.h5ad
    """
}
