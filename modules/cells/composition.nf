include { memoryFor } from '../functions/memory'

// The label table of all later steps, and the shares of types and subsets over time with intervals.
process COMPOSITION {
    label 'cells'
    label 'by_input'
    memory { memoryFor(task, 0.3, 34, [annotation, clusters, subsets]) }

    input:
    path sheet
    path status // qc.tsv
    path annotation
    path clusters
    path subsets, stageAs: 'subsets/*'
    path metrics, stageAs: 'samples/*' // QC's, of the samples that passed
    path colours

    output:
    path 'labels.parquet', emit: labels
    path '*.labels.parquet', emit: patient_labels
    path 'composition.tsv', emit: composition
    path 'composition_change.tsv', emit: change
    path 'composition_mqc.json', emit: multiqc
    tuple val('COMPOSITION'), eval('composition.py --version'), emit: versions, topic: versions

    script:
    def quality = [metrics].flatten().collect { table -> "--metrics ${table}" }.join(' ')
    """
    # code: _cli.py _detection.py _errors.py _guards.py _series.py _shares.py _tables.py _words.py
    composition.py ${annotation} ${clusters} ${subsets} --samples ${sheet} --status ${status} ${quality} \\
        --colours ${colours}
    """

    stub:
    """
    touch labels.parquet composition.tsv composition_change.tsv
    awk -F '\\t' 'NR > 1 { print \$2 ".labels.parquet" }' ${sheet} | xargs touch
    echo '{}' > composition_mqc.json
    """
}
