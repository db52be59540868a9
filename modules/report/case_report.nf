// One page per patient that opens without a network.
process CASE_REPORT {
    tag "${meta.patient}"
    label 'patient'
    label 'report'
    label 'small'

    input:
    tuple val(meta), path(tables, stageAs: 'tables/*'), path(parts)
    path assets, stageAs: 'assets' // case.html.j2, case.css, case.js, literature.tsv
    path columns
    path parameters
    path versions // a line per process
    path failures
    val release

    output:
    path "${meta.patient}.case_report.html"
    tuple val('CASE_REPORT'), eval('case_report.py --version'), emit: versions // no topic: this step waits for it

    script:
    def name = meta.patient
    """
    # code: _car_words.py _chart_style.py _cli.py _errors.py _page.py _receptors.py _results.py _series.py _tables.py
    # code: _vega.py _words.py
    case_report.py tables --patient ${name} --answer ${name}.answer.json --figures ${name}.figures.json \\
        --charts ${name}.charts.json --maps ${name}.map.json --assets assets --columns ${columns} --parameters ${parameters} \\
        --versions ${versions} --release ${release} --failures ${failures}
    """

    stub:
    """
    touch ${meta.patient}.case_report.html
    """
}
