include { memoryFor } from '../functions/memory'

// Swapped files, mixed samples: barcodes, receptors and sex genes of all samples, compared pairwise.
process IDENTITY {
    label 'cells'
    label 'by_input'
    memory { memoryFor(task, 0.19, 30, [metrics, contigs]) }

    input:
    path sheet
    path metrics, stageAs: 'tables/*'
    path contigs, stageAs: 'tables/*'
    val min_overlap

    output:
    path 'identity.tsv', emit: table
    path 'shared_rearrangements.tsv'
    path 'identity.json', emit: facts
    path 'fitting/*.contigs.parquet', emit: contigs, optional: true // of samples one of whose libraries is left out
    tuple val('IDENTITY'), eval('identity.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _barcodes.py _cli.py _errors.py _shared_chains.py _tables.py
    identity.py ${sheet} ${metrics} ${contigs} --min-overlap ${min_overlap}
    """

    stub:
    """
    touch identity.tsv shared_rearrangements.tsv
    echo '{}' > identity.json
    """
}
