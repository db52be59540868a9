include { memoryFor } from '../functions/memory'

// One row per kept cell with the results of every step.
process CELL_TABLE {
    label 'report'
    label 'by_input'
    memory { memoryFor(task, 0.2, 24, [labels, results]) }

    input:
    path labels
    path results, stageAs: 'results/*' // per-cell parquet files of all steps
    path columns

    output:
    path 'cells.parquet', emit: cells
    tuple val('CELL_TABLE'), eval('cell_table.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _cli.py _errors.py _tables.py
    mkdir -p results
    cell_table.py results --labels ${labels} --columns ${columns}
    """

    stub:
    """
    touch cells.parquet
    """
}
