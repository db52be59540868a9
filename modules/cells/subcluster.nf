include { memoryFor } from '../memory'

// The subsets of one lineage: its own genes, clusters and layout, names or numbers, marker statistics.
process SUBCLUSTER {
    tag "${lineage.lineage}"
    label 'cells'
    label 'medium'
    memory { memoryFor(task, 482 + 0.16 * (lineage.n_cells as int)) }

    input:
    val lineage // map, a row of lineages_found.tsv: lineage, resolution, numbered, prefix, n_cells
    path annotation
    path sheet
    path cells, stageAs: 'samples/*'
    tuple path(subsets), path(excluded)
    val options // map: integration, integrate_over, seed

    output:
    path "${lineage.lineage}.subsets.parquet", emit: subsets
    path "${lineage.lineage}.subset_evidence.tsv", emit: evidence
    path "${lineage.lineage}.markers.tsv", emit: markers
    tuple val('SUBCLUSTER'), eval('subcluster.py --version'), emit: versions, topic: versions

    script:
    def name = lineage.lineage
    def own = lineage.numbered == 'yes'
    def numbered = own ? "--numbered '${lineage.prefix}'" : ''
    """
    variable_genes.py ${cells} --samples ${sheet} --excluded ${excluded} --annotation ${annotation} --lineage '${name}'
    integrate.py '${name}.components.parquet' '${name}.expression.npz' --samples ${sheet} \\
        --integration ${options.integration} --integrate-over ${options.integrate_over} \\
        --resolution ${lineage.resolution} --seed ${options.seed}
    marker_means.py '${name}.integrated.parquet' ${cells} --markers ${subsets} --annotation ${annotation} ${own ? '--undivided' : ''}
    annotate.py '${name}.groups.parquet' '${name}.marker_means.npz' --markers ${subsets} ${numbered}
    mv '${name}.annotation.tsv' '${name}.subset_evidence.tsv'
    refine.py '${name}.parts.parquet' '${name}.components.parquet' '${name}.expression.npz' --markers ${subsets} --odds 0.5
    subcluster.py '${name}.annotation.parquet' '${name}.integrated.parquet' ${cells} --lineage '${name}'
    """

    stub:
    """
    touch '${lineage.lineage}.subsets.parquet' '${lineage.lineage}.subset_evidence.tsv' '${lineage.lineage}.markers.tsv'
    """
}
