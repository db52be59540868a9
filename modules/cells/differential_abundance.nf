// Changes of shares that a cohort's patients have in common, by a paired test; without replicates, a sentence.
process DIFFERENTIAL_ABUNDANCE {
    label 'cells'
    label 'tiny'

    input:
    path composition

    output:
    path 'differential_abundance.tsv', emit: table
    tuple val('DIFFERENTIAL_ABUNDANCE'), eval('differential_abundance.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _cli.py _detection.py _errors.py _series.py _shares.py _tables.py _words.py
    differential_abundance.py ${composition}
    """

    stub:
    """
    touch differential_abundance.tsv
    """
}
