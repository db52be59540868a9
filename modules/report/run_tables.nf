// One table of all patients, or of all lineages, for each kind of table that is read as a whole.
process RUN_TABLES {
    label 'report'
    label 'tiny'

    input:
    path tables, stageAs: 'tables/*' // <patient or lineage>.<kind>.tsv, others are left out
    path failures

    output:
    path '*.tsv', optional: true
    tuple val('RUN_TABLES'), eval('run_tables.py --version'), emit: versions // no topic: this step waits for it

    script:
    """
    # code: _cli.py _errors.py _tables.py
    run_tables.py tables --failures ${failures}
    """

    stub:
    """
    touch cnv.tsv fish.tsv car.tsv malignancy.tsv communication.tsv communication_change.tsv markers.tsv
    """
}
