include { memoryFor } from '../functions/memory'

// The run's receptors in scirpy's and in AIRR's format.
process RECEPTORS {
    label 'clones'
    label 'by_input'
    memory { memoryFor(task, 0.6, 12, [results, cells]) }

    input:
    path results, stageAs: 'results/*' // <patient>.own_chains.parquet, <patient>.airr_rearrangement.tsv
    path cells
    path lineages

    output:
    path 'airr.h5ad', emit: airr
    path 'airr_rearrangement.tsv', optional: true
    tuple val('RECEPTORS'), eval('receptors.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _airr_cells.py _chains.py _cli.py _compiled.py _errors.py _receptors.py _tables.py
    receptors.py results --cells ${cells} --lineages ${lineages}
    """

    stub:
    """
    touch airr.h5ad airr_rearrangement.tsv
    """
}
