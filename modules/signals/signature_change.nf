include { memoryFor } from '../functions/memory'

// Signature scores of the run by group and time: who is high in interferon genes, effects, ranks of subsets, tests over patients.
process SIGNATURE_CHANGE {
    label 'signals'
    label 'by_input'
    memory { memoryFor(task, 0.5, 22, [scores, labels]) }

    input:
    path scores
    path labels
    path counts, stageAs: 'counts/*' // cells.h5ad of the samples: read where their depths differ
    path isg
    path sets, stageAs: 'sets/*'
    val method // these three as of SIGNATURES
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
    def matrices = [counts].flatten().collect { file -> "--counts ${file}" }.join(' ')
    def files = [sets].flatten().collect { file -> "--gene-sets ${file}" }.join(' ')
    def divided = [subsets].flatten().collect { table -> "--subsets ${table}" }.join(' ')
    def threshold = isg_threshold == [] ? '' : "--isg-threshold ${isg_threshold}"
    """
    # code: _bootstrap.py _cli.py _compiled.py _detection.py _equal_depth.py _errors.py _guards.py _matrices.py _series.py
    # code: _shares.py _signature_scores.py _signature_summary.py _tables.py _times.py _words.py
    signature_change.py ${scores} --labels ${labels} ${divided} ${threshold} \\
        ${matrices} --isg ${isg} ${files} --method ${method} \\
        --min-cells ${comparing.min_cells} --draws ${comparing.draws} --seed ${comparing.seed}
    """

    stub:
    """
    touch signatures.tsv isg.parquet signatures_mqc.json signature_{change,ranks,tests}.tsv
    echo '{}' | tee signatures.json > signature_change.json
    """
}
