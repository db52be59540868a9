include { memoryFor; megabytes } from '../memory'

// What signature scores do between times: effects with intervals, ranks of subsets, tests over patients.
process SIGNATURE_CHANGE {
    label 'signals'
    label 'medium'
    memory { memoryFor(task, 286 + 22 * megabytes([scores, labels])) }

    input:
    path scores
    path labels
    path samples
    val settings // min_cells, draws, seed

    output:
    path 'signature_change.tsv', emit: change
    path 'signature_ranks.tsv', emit: ranks
    path 'signature_tests.tsv', emit: tests
    path 'signature_change.json', emit: facts
    tuple val('SIGNATURE_CHANGE'), eval('signature_change.py --version'), emit: versions, topic: versions

    script:
    """
    signature_change.py ${scores} --labels ${labels} --samples ${samples} \\
        --min-cells ${settings.min_cells} --draws ${settings.draws} --seed ${settings.seed}
    """

    stub:
    """
    touch signature_change.tsv signature_ranks.tsv signature_tests.tsv
    echo '{}' > signature_change.json
    """
}
