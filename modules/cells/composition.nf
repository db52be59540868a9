include { memoryFor; megabytes } from '../memory'

// The label table of all later steps, and the shares of types and subsets over time with intervals.
process COMPOSITION {
    label 'cells'
    label 'small'
    memory { memoryFor(task, 299 + 34 * megabytes([annotation, clusters, subsets])) }

    input:
    path sheet
    path annotation
    path clusters
    path subsets, stageAs: 'subsets/*'
    path colours

    output:
    path 'labels.parquet', emit: labels
    path 'composition.tsv', emit: composition
    path 'composition_change.tsv', emit: changes
    path 'composition_mqc.json', emit: multiqc
    tuple val('COMPOSITION'), eval('composition.py --version'), emit: versions, topic: versions

    script:
    """
    composition.py ${annotation} ${clusters} ${subsets} --samples ${sheet} --colours ${colours}
    """

    stub:
    """
    touch labels.parquet composition.tsv composition_change.tsv
    echo '{}' > composition_mqc.json
    """
}
