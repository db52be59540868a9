include { memoryFor; megabytes } from '../memory'

// One row per kept cell with the results of every step.
process CELL_TABLE {
    label 'report'
    label 'small'
    memory { memoryFor(task, 184 + 24 * megabytes([labels, results])) }

    input:
    path labels
    path results, stageAs: 'results/*' // per-cell parquet files of all steps
    path columns

    output:
    path 'cells.parquet', emit: cells
    tuple val('CELL_TABLE'), eval('cell_table.py --version'), emit: versions, topic: versions

    script:
    """
    mkdir -p results
    cell_table.py results --labels ${labels} --columns ${columns}
    """

    stub:
    """
    touch cells.parquet
    """
}
