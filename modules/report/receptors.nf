include { memoryFor; megabytes } from '../memory'

// The run's receptors in scirpy's and in AIRR's format.
process RECEPTORS {
    label 'report'
    label 'small'
    memory { memoryFor(task, 262 + 12 * megabytes([results, cells])) }

    input:
    path results, stageAs: 'results/*' // <patient>.own_chains.parquet, <patient>.airr_rearrangement.tsv
    path cells

    output:
    path 'airr.h5ad', emit: airr
    path 'airr_rearrangement.tsv', emit: rearrangements, optional: true
    tuple val('RECEPTORS'), eval('receptors.py --version'), emit: versions, topic: versions

    script:
    """
    receptors.py results --cells ${cells}
    """

    stub:
    """
    touch airr.h5ad airr_rearrangement.tsv
    """
}
