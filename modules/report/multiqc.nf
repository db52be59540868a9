include { memoryFor } from '../memory'

// One page about the quality of the whole run; it opens without a network.
process MULTIQC {
    label 'report'
    label 'small'
    memory { memoryFor(task, 230) }

    input:
    path sheet
    path status
    path warnings
    path identity
    path facts, stageAs: 'facts/*'
    path metrics, stageAs: 'cells/*'
    path sections, stageAs: 'sections/*' // *_mqc.json of other rooms
    path versions
    path config

    output:
    path 'multiqc_report.html', emit: page
    path 'multiqc_report_data', emit: data
    tuple val('MULTIQC'), eval('multiqc_tables.py --version'), emit: versions // no topic: this step waits for it

    script:
    def used = versions ? "--versions ${versions}" : ''
    """
    multiqc_tables.py ${sheet} ${facts} ${metrics} --status ${status} --warnings ${warnings} --identity ${identity} ${used}
    multiqc . --config ${config} --config warnings_config.yml --filename multiqc_report.html --module custom_content --no-ansi
    """

    stub:
    """
    touch multiqc_report.html
    mkdir multiqc_report_data
    """
}
