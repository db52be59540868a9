include { memoryFor; megabytes } from '../memory'

// Names for the cells: markers and receptors per part of a cluster, then each cell's own expression.
process ANNOTATE {
    label 'cells'
    label 'medium'
    memory { memoryFor(task, 263 + 1.7 * megabytes([clusters, components, expression, cells, contigs])) }

    input:
    path clusters
    tuple path(components), path(expression)
    path cells, stageAs: 'samples/*'
    path contigs, stageAs: 'samples/*'
    tuple path(markers), path(lineages)
    tuple path(labels), path(celltypist_model) // [] where there is none
    val options // map: min_score, min_margin, labels_use

    output:
    path 'annotation.parquet', emit: annotation
    path 'annotation.tsv', emit: evidence
    path 'label_agreement.tsv', emit: agreement
    path 'lineages_found.tsv', emit: lineages
    path 'annotate_mqc.json', emit: multiqc
    tuple val('ANNOTATE'), eval('annotate.py --version'), emit: versions, topic: versions

    script:
    def receptors = [contigs].flatten().collect { table -> "--contigs ${table}" }.join(' ')
    def predict = celltypist_model ? "predict_labels.py ${cells} --model ${celltypist_model}" : ''
    def predictions = celltypist_model ? '--predictions predictions.tsv' : ''
    def given = labels ? "--labels ${labels}" : ''
    """
    marker_means.py ${clusters} ${cells} --markers ${markers}
    annotate.py groups.parquet marker_means.npz ${receptors} --markers ${markers} \\
        --min-score ${options.min_score} --min-margin ${options.min_margin}
    lone_cells.py parts.parquet marker_means.npz marker_expression.npz --markers ${markers}
    ${predict}
    refine.py parts.parquet ${components} ${expression} --markers ${markers} --evidence annotation.tsv \\
        --lineages ${lineages} ${given} ${predictions} --labels-use ${options.labels_use}
    """

    stub:
    """
    touch annotation.parquet annotation.tsv label_agreement.tsv
    awk -F '\\t' -v OFS='\\t' '{ print \$0, NR == 1 ? "n_cells" : 50 }' ${lineages} > lineages_found.tsv
    echo '{}' > annotate_mqc.json
    """
}
