include { memoryFor } from '../functions/memory'

// Names for the cells: counts of each part of a cluster against reference profiles, then each cell's own expression.
process ANNOTATE {
    label 'cells'
    label 'by_input'
    memory { memoryFor(task, 0.4, 1.7, [clusters, expression, cells, contigs]) }

    input:
    path clusters
    path expression
    path cells, stageAs: 'samples/*'
    path contigs, stageAs: 'samples/*'
    path markers
    path profiles
    path lineages
    path labels           // [] where there are none
    path celltypist_model // [] where there is none
    val naming            // map: min_score, min_margin, labels_use

    output:
    path 'annotation.parquet', emit: annotation
    path 'annotation.tsv'
    path 'label_agreement.tsv'
    path 'lineages_found.tsv', emit: lineages
    path 'annotate_mqc.json', emit: multiqc
    tuple val('ANNOTATE'), eval('annotate.py --version'), emit: versions, topic: versions

    script:
    def receptors = [contigs].flatten().collect { table -> "--contigs ${table}" }.join(' ')
    def given = labels ? "--labels ${labels}" : ''
    def model = celltypist_model ? "--model ${celltypist_model}" : ''
    """
    # code: _cell_sets.py _cell_types.py _cli.py _detected.py _errors.py _foreign_labels.py _kinds.py _lone_cells.py
    # code: _marker_evidence.py _matrices.py _naming.py _one_thread.py _profiles.py _receptors.py _refine.py _tables.py _type_fit.py
    annotate.py ${clusters} ${expression} ${cells} ${receptors} --markers ${markers} --profiles ${profiles} \\
        --lineages ${lineages} --min-score ${naming.min_score} --min-margin ${naming.min_margin} ${given} ${model} \\
        --labels-use ${naming.labels_use}
    """

    stub:
    """
    touch annotation.parquet annotation.tsv label_agreement.tsv
    awk -F '\\t' -v OFS='\\t' 'NR == 1 || \$2 { print \$1, \$2, \$3, \$4, NR == 1 ? "n_cells" : 50 }' ${lineages} > lineages_found.tsv
    echo '{}' > annotate_mqc.json
    """
}
