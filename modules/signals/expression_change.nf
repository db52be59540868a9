include { memoryFor; megabytes } from '../memory'

// Genes that change between times per cell group, and the dot-plot table of named gene lists.
process EXPRESSION_CHANGE {
    label 'signals'
    label 'medium'
    memory { memoryFor(task, 186 + 15 * megabytes([sums])) }

    input:
    path sums
    path samples
    path lists, stageAs: 'lists/*'
    val level

    output:
    path 'expression_change.parquet', emit: all
    path 'expression_change.tsv', emit: change
    path 'dot_plot.tsv', emit: dot_plot
    path 'expression_change.json', emit: facts
    tuple val('EXPRESSION_CHANGE'), eval('expression_change.py --version'), emit: versions, topic: versions

    script:
    def files = [lists].flatten().collect { file -> "--gene-lists ${file}" }.join(' ')
    """
    expression_change.py ${sums} --samples ${samples} ${files} --level ${level}
    """

    stub:
    """
    touch expression_change.parquet expression_change.tsv dot_plot.tsv
    echo '{}' > expression_change.json
    """
}
