include { memoryFor } from '../functions/memory'

// Genes that change between times per cell group, and the dot-plot table of named gene lists.
process EXPRESSION_CHANGE {
    label 'signals'
    label 'by_input'
    memory { memoryFor(task, 0.5, 15, [sums]) }

    input:
    path sums
    path labels
    path lists, stageAs: 'lists/*'
    path lineages
    val level

    output:
    path 'expression_change.{parquet,tsv}'
    path 'dot_plot.tsv'
    tuple val('EXPRESSION_CHANGE'), eval('expression_change.py --version'), emit: versions, topic: versions

    script:
    def files = [lists].flatten().collect { file -> "--gene-lists ${file}" }.join(' ')
    """
    # code: _cli.py _errors.py _matrices.py _receptors.py _series.py _tables.py _times.py _words.py
    expression_change.py ${sums} --labels ${labels} ${files} --lineages ${lineages} --level ${level}
    """

    stub:
    """
    touch expression_change.parquet expression_change.tsv dot_plot.tsv
    """
}
