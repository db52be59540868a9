include { memoryFor; megabytes } from '../memory'

// Scores of the run by cell group and time, and which cells are high in interferon genes.
process SIGNATURE_SUMMARY {
    label 'signals'
    label 'medium'
    memory { memoryFor(task, 325 + 13 * megabytes([scores, labels])) }

    input:
    path scores
    path labels
    path samples
    val isg_threshold // or [] to learn it
    val seed

    output:
    path 'signatures.tsv', emit: table
    path 'isg.parquet', emit: cells
    path 'signatures.json', emit: facts
    path 'signatures_mqc.json', emit: multiqc
    tuple val('SIGNATURE_SUMMARY'), eval('signature_summary.py --version'), emit: versions, topic: versions

    script:
    def threshold = isg_threshold == [] ? '' : "--isg-threshold ${isg_threshold}"
    """
    signature_summary.py ${scores} --labels ${labels} --samples ${samples} ${threshold} --seed ${seed}
    """

    stub:
    """
    touch signatures.tsv isg.parquet signatures_mqc.json
    echo '{}' > signatures.json
    """
}
