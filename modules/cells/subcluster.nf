include { memoryFor } from '../functions/memory'

// The subsets of one lineage: its own genes, clusters and layout, names or numbers, marker statistics.
process SUBCLUSTER {
    tag "${lineage.lineage}"
    label 'lineage'
    label 'cells'
    label 'by_input'
    memory { memoryFor(task, 0.65 + 0.00016 * (lineage.n_cells as int), 0, []) }

    input:
    val lineage // map, a row of lineages_found.tsv: lineage, resolution, numbered, prefix, n_cells
    path annotation
    path sheet
    path cells, stageAs: 'samples/*'
    path metrics, stageAs: 'samples/*' // QC's, of the same samples
    tuple path(subsets), path(rates), path(resting)
    path markers
    path lineages
    path excluded
    val options // map: integration, integrate_over, seed

    output:
    path "${lineage.lineage}.subsets.parquet", emit: subsets
    path "${lineage.lineage}.subset_evidence.tsv"
    path "${lineage.lineage}.markers.tsv", emit: markers
    tuple val('SUBCLUSTER'), eval('subcluster.py --version'), emit: versions, topic: versions

    script:
    // Names of lineages and their prefixes hold no apostrophe: ANNOTATE refuses such.
    def numbered = lineage.numbered == 'yes' ? "--numbered '${lineage.prefix}'" : ''
    def quality = [metrics].flatten().collect { table -> "--metrics ${table}" }.join(' ')
    """
    # code: _cell_space.py _cli.py _compiled.py _detected.py _errors.py _matrices.py _naming.py _one_thread.py _programmes.py
    # code: _receptors.py _refine.py _shares.py _subset_cells.py _subset_markers.py _subset_names.py _subset_parts.py _tables.py
    # code: _unfit_parts.py _variable_genes.py
    subcluster.py ${cells} --samples ${sheet} --annotation ${annotation} ${quality} --lineage '${lineage.lineage}' \\
        --subsets ${subsets} --rates ${rates} --resting ${resting} --markers ${markers} --lineages ${lineages} \\
        --excluded ${excluded} ${numbered} --resolution ${lineage.resolution} \\
        --integration ${options.integration} --integrate-over ${options.integrate_over} --seed ${options.seed}
    """

    stub:
    """
    touch '${lineage.lineage}.subsets.parquet' '${lineage.lineage}.subset_evidence.tsv' '${lineage.lineage}.markers.tsv'
    """
}
