// One page over all patients, where a run has more than one.
process COHORT_REPORT {
    label 'report'
    label 'tiny'

    input:
    path answers // <patient>.answer.json of all patients
    path tables, stageAs: 'tables/*' // samples.tsv, qc.tsv, composition.tsv, differential_abundance.tsv
    path failures
    path colours
    path assets, stageAs: 'assets' // cohort.html.j2, case.css

    output:
    path 'cohort_report.html'
    tuple val('COHORT_REPORT'), eval('cohort_report.py --version'), emit: versions // no topic: this step waits for it

    script:
    """
    # code: _cli.py _errors.py _page.py _receptors.py _results.py _series.py _tables.py _words.py
    cohort_report.py ${answers} --tables tables --failures ${failures} --colours ${colours} --assets assets
    """

    stub:
    """
    touch cohort_report.html
    """
}
