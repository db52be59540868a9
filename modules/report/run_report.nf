// One page about the quality of the whole run, which opens without a network; the run's versions and parameters.
process RUN_REPORT {
    label 'report'
    label 'small'

    input:
    path sheet
    path status
    path warnings
    path identity
    path failures
    path facts, stageAs: 'facts/*' // <sample>.read.json and <sample>.qc.json
    path metrics, stageAs: 'cells/*' // <sample>.qc.parquet
    path sections, stageAs: 'sections/*' // *_mqc.json of other rooms
    path versions, stageAs: 'run/*' // a line per process
    path parameters, stageAs: 'run/*'
    path config

    output:
    path 'multiqc_report.html'
    path 'multiqc_report_data'
    path '{versions.yml,params.json}' // with the versions of this step itself

    script:
    """
    # code: _cli.py _errors.py _run_sections.py
    run_report.py ${sheet} ${facts} ${metrics} --status ${status} --warnings ${warnings} --identity ${identity} \\
        --failures ${failures} --config ${config} --versions ${versions} --parameters ${parameters}
    """

    stub:
    """
    mkdir multiqc_report_data
    touch multiqc_report.html versions.yml params.json
    """
}
