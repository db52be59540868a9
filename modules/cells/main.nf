// From Cell Ranger's files to quality-controlled, named cells and their shares over time.

include { READ_CELLRANGER } from './read_cellranger'
include { QC } from './qc'
include { IDENTITY } from './identity'
include { SAMPLE_STATUS } from './sample_status'
include { INTEGRATE } from './integrate'
include { ANNOTATE } from './annotate'
include { SUBCLUSTER } from './subcluster'
include { COMPOSITION } from './composition'

/** A channel of [meta, file] as one list of files; sorted, so that a resumed run gives tasks the same list. */
def sortedFiles(keyed) {
    keyed.map { _meta, file -> file }.collect(sort: { file -> file.name }).ifEmpty([])
}

/** A user's file, or what stands for it where none is given. */
def given(path, instead) {
    path ? file(path, checkIfExists: true) : instead
}

/** Choices of integration, annotation and subsets; tables of assets/ where the user gives none. */
def cellOptions(settings) {
    def choices = [
        integration: 'harmony', integrate_over: 'sample', variable_genes: 2000, components: 30, neighbours: 15,
        clustering: 'louvain', resolution: 1.0, min_score: 0.25, min_margin: 0.1, labels_use: 'check',
        min_lineage_cells: 50, seed: 0,
    ]
    def assets = "${projectDir}/assets"
    def tables = [
        excluded: given(settings.excluded_genes, file("${assets}/excluded_genes.tsv")),
        markers: given(settings.markers, file("${assets}/markers.tsv")),
        subsets: given(settings.subsets, file("${assets}/subsets.tsv")),
        lineages: given(settings.lineages, file("${assets}/lineages.tsv")),
        labels: given(settings.labels, []),
        celltypist_model: given(settings.celltypist_model, []),
    ]
    choices + settings.subMap(choices.keySet()).findAll { _name, value -> value != null } + tables
}

workflow CELLS {
    take:
    samples  // [meta, gex, vdj_b, vdj_t, metrics], [] where a sample has none
    sheet    // samples.tsv
    settings // map of all parameters

    main:
    READ_CELLRANGER(samples, settings.keep_going)

    thresholds = settings.subMap(
        ['qc', 'min_umi', 'min_genes', 'max_genes', 'max_mito', 'max_hb', 'doublets', 'min_cells', 'seed', 'keep_going']
    )
    QC(READ_CELLRANGER.out.counts.join(READ_CELLRANGER.out.contigs), thresholds)
    metrics = sortedFiles(QC.out.metrics)
    facts = sortedFiles(READ_CELLRANGER.out.facts.mix(QC.out.facts))

    IDENTITY(sheet, metrics, sortedFiles(READ_CELLRANGER.out.contigs), settings.min_overlap)

    SAMPLE_STATUS(sheet, facts, IDENTITY.out.facts, settings.keep_going, settings.strict_identity)
    passed = SAMPLE_STATUS.out.table
        .splitCsv(header: true, sep: '\t')
        .filter { row -> row.status == 'pass' }
        .map { row -> row.sample }

    kept = passed.join(QC.out.cells.map { meta, cells -> [meta.sample, meta, cells] }).map { _sample, meta, cells -> [meta, cells] }
    receptors = passed.join(READ_CELLRANGER.out.contigs.map { meta, contigs -> [meta.sample, meta, contigs] })
        .map { _sample, meta, contigs -> [meta, contigs] }
    statistics = passed.join(QC.out.genes.map { meta, genes -> [meta.sample, meta, genes] }).map { _sample, meta, genes -> [meta, genes] }

    options = cellOptions(settings)
    matrices = sortedFiles(kept)
    INTEGRATE(sheet, matrices, sortedFiles(statistics), options.excluded, options)

    ANNOTATE(
        INTEGRATE.out.clusters,
        INTEGRATE.out.space,
        matrices,
        sortedFiles(receptors),
        [options.markers, options.lineages],
        [options.labels, options.celltypist_model],
        options,
    )

    lineages = ANNOTATE.out.lineages.splitCsv(header: true, sep: '\t')
    SUBCLUSTER(lineages, ANNOTATE.out.annotation, sheet, matrices, [options.subsets, options.excluded], options)

    COMPOSITION(
        sheet,
        ANNOTATE.out.annotation,
        INTEGRATE.out.clusters,
        SUBCLUSTER.out.subsets.collect(sort: { table -> table.name }).ifEmpty([]),
    )

    emit:
    cells       = kept
    contigs     = receptors
    labels      = COMPOSITION.out.labels
    composition = COMPOSITION.out.composition
    changes     = COMPOSITION.out.changes
    tests       = COMPOSITION.out.tests
    evidence    = ANNOTATE.out.evidence
    markers     = SUBCLUSTER.out.markers
    embedding   = INTEGRATE.out.embedding
    clusters    = INTEGRATE.out.clusters
    sections    = INTEGRATE.out.multiqc.mix(ANNOTATE.out.multiqc, COMPOSITION.out.multiqc)
    metrics     = metrics
    status      = SAMPLE_STATUS.out.table
    warnings    = SAMPLE_STATUS.out.warnings
    identity    = IDENTITY.out.table
    facts       = facts
}
