include { memoryFor } from '../functions/memory'

// Signature scores of the run by group and time: who is high in interferon genes, effects, ranks of subsets, tests over patients.
process SIGNATURE_CHANGE {
    label 'signals'
    label 'by_input'
    memory { memoryFor(task, 0.5, 22, [scores, labels]) }

    input:
    path scores
    path labels
    path subsets, stageAs: 'subsets/*' // a table per lineage that was divided; may be none
    val isg_threshold // or [] to learn it
    val comparing // map: min_cells, draws, seed

    output:
    path 'signatures.tsv', emit: table
    path 'isg.parquet', emit: cells
    path '{signatures,signature_change}.json', emit: facts
    path 'signature_{change,ranks,tests}.tsv'
    path 'signatures_mqc.json', emit: multiqc
    tuple val('SIGNATURE_CHANGE'), eval('signature_change.py --version'), emit: versions, topic: versions

    script:
    def divided = subsets.collect { table -> "--subsets ${table}" }.join(' ')
    def threshold = isg_threshold == [] ? '' : "--isg-threshold ${isg_threshold}"
    """
    # code: _bootstrap.py _cli.py _errors.py _series.py _shares.py _signature_summary.py _tables.py _times.py _words.py
    signature_change.py ${scores} --labels ${labels} ${divided} ${threshold} \\
        --min-cells ${comparing.min_cells} --draws ${comparing.draws} --seed ${comparing.seed}
    """

    stub:
    """
    touch signatures.tsv isg.parquet signatures_mqc.json signature_{change,ranks,tests}.tsv
    echo '{}' | tee signatures.json > signature_change.json
    """
}
