include { memoryFor; megabytes } from '../memory'

// One page per patient that opens without a network.
process CASE_REPORT {
    tag "${meta.patient}"
    label 'report'
    label 'small'
    memory { memoryFor(task, 181 + 4.6 * megabytes([tables, figures, drawings, narrow, maps])) }

    input:
    tuple val(meta), path(tables, stageAs: 'tables/*'), path(answer), path(surroundings), path(figures), path(drawings, stageAs: 'figures/*'), path(narrow, stageAs: 'narrow/*'), path(maps)
    path assets, stageAs: 'assets' // case.html.j2, case.css, case.js
    path columns
    path parameters // params.json, or []
    path versions // versions.yml, or []
    val release

    output:
    path "${meta.patient}.case_report.html", emit: page
    tuple val('CASE_REPORT'), eval('case_report.py --version'), emit: versions // no topic: this step waits for it

    script:
    def listed = [figures].flatten().collect { file -> "--figures ${file}" }.join(' ')
    def settings = parameters ? "--parameters ${parameters}" : ''
    def used = versions ? "--versions ${versions}" : ''
    """
    case_report.py tables --patient ${meta.patient} --answer ${answer} \\
        --surroundings ${surroundings} ${listed} --maps ${maps} \\
        --assets assets --columns ${columns} --release ${release} ${settings} ${used}
    """

    stub:
    """
    touch ${meta.patient}.case_report.html
    """
}
