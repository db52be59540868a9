// One page about the quality of the whole run; it opens without a network.
process MULTIQC {
    label 'report'
    label 'small'

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
    tuple val('MULTIQC'), eval('multiqc_tables.py --version'), emit: versions // shown beside the page: it cannot wait for itself

    script:
    def used = versions ? "--versions ${versions}" : ''
    """
    mkdir -p sections
    multiqc_tables.py ${sheet} ${facts} ${metrics} --status ${status} --warnings ${warnings} \\
        --identity ${identity} ${used} --outdir sections
    multiqc sections --config ${config} --config sections/warnings_config.yml --filename multiqc_report.html \\
        --module custom_content --force --no-ansi
    """

    stub:
    """
    touch multiqc_report.html
    """
}
