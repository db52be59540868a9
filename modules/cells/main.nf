// From Cell Ranger's files to quality-controlled, named cells and their shares over time.

include { merged; sortedFiles } from '../channels'
include { READ_CELLRANGER } from './read_cellranger'
include { QC } from './qc'
include { IDENTITY } from './identity'
include { SAMPLE_STATUS } from './sample_status'
include { INTEGRATE } from './integrate'
include { ANNOTATE } from './annotate'
include { SUBCLUSTER } from './subcluster'
include { COMPOSITION } from './composition'
include { DIFFERENTIAL_ABUNDANCE } from './differential_abundance'

/** A table of assets/, or the user's own in its place. */
def asset(own, String name) {
    file(own ?: "${projectDir}/assets/${name}")
}

/** Of [meta with sample, file] those whose sample passed. */
def ofPassed(keyed, passed) {
    passed.join(keyed.map { meta, file -> [meta.sample, meta, file] }).map { _sample, meta, file -> [meta, file] }
}

workflow CELLS {
    take:
    samples  // [meta, gex, vdj_b, vdj_t, metrics], [] where a sample has none
    sheet    // samples.tsv
    labels   // labels.tsv: the user's own cell types, or []
    settings // map of all parameters

    main:
    READ_CELLRANGER(samples, settings.keep_going)

    thresholds = settings.subMap(
        ['qc', 'min_umi', 'min_genes', 'max_genes', 'max_mito', 'max_hb', 'doublets', 'min_cells', 'seed', 'keep_going']
    )
    QC(READ_CELLRANGER.out.counts.join(READ_CELLRANGER.out.contigs), thresholds)
    metrics = sortedFiles(QC.out.metrics).ifEmpty([])
    facts = sortedFiles(READ_CELLRANGER.out.facts.mix(QC.out.facts)).ifEmpty([])

    IDENTITY(sheet, metrics, sortedFiles(READ_CELLRANGER.out.contigs).ifEmpty([]), settings.min_overlap)

    genes = sortedFiles(QC.out.genes).ifEmpty([])
    SAMPLE_STATUS(sheet, facts, IDENTITY.out.facts, genes, settings.keep_going, settings.strict_identity)
    SAMPLE_STATUS.out.warnings.subscribe { warnings ->
        new groovy.json.JsonSlurper().parseText(warnings.text).findAll { warning -> warning.level != 'note' }.each { warning ->
            log.warn("${warning.sample}: ${warning.text}")
        }
    }
    good = SAMPLE_STATUS.out.table.splitCsv(header: true, sep: '\t').filter { row -> row.status == 'pass' }
    good.filter { row -> row.species == 'mouse' }.map { row -> row.sample }.collect().subscribe { names ->
        log.warn("${names.join(', ')}: mouse, so quality control only; markers, gene sets and gene positions are human")
    }
    passed = good.filter { row -> row.species != 'mouse' && !settings.qc_only }.map { row -> row.sample }

    kept = ofPassed(QC.out.cells, passed)
    receptors = ofPassed(READ_CELLRANGER.out.contigs, passed)
    matrices = sortedFiles(kept)

    excluded = asset(settings.excluded_genes, 'excluded_genes.tsv')
    together = settings.subMap(['integration', 'integrate_over', 'seed'])
    INTEGRATE(
        sheet,
        matrices,
        sortedFiles(ofPassed(QC.out.genes, passed)),
        excluded,
        together + settings.subMap(['clustering', 'resolution']),
    )

    model = settings.celltypist_model ? file(settings.celltypist_model) : []
    ANNOTATE(
        INTEGRATE.out.clusters,
        INTEGRATE.out.space,
        matrices,
        sortedFiles(receptors),
        [asset(settings.markers, 'markers.tsv'), asset(settings.lineages, 'lineages.tsv')],
        labels.map { table -> [table, model] },
        settings.subMap(['min_score', 'min_margin', 'labels_use']),
    )

    lineages = ANNOTATE.out.lineages.splitCsv(header: true, sep: '\t')
    SUBCLUSTER(lineages, ANNOTATE.out.annotation, sheet, matrices, [asset(settings.subsets, 'subsets.tsv'), excluded], together)

    subsets = SUBCLUSTER.out.subsets
    COMPOSITION(
        sheet,
        ANNOTATE.out.annotation,
        INTEGRATE.out.clusters,
        subsets.collect(sort: { table -> table.name }).ifEmpty([]),
        file("${projectDir}/assets/colours.tsv"),
    )
    DIFFERENTIAL_ABUNDANCE(COMPOSITION.out.composition)
    merged(SUBCLUSTER.out.markers.map { table -> [[:], table] }, 'markers.tsv', "${settings.outdir}/cells")

    emit:
    cells     = kept      // [meta with sample and patient, cells.h5ad] of the samples that passed
    contigs   = receptors // [meta, contigs.parquet] of the same
    labels    = COMPOSITION.out.labels
    embedding = INTEGRATE.out.embedding
    subsets   = subsets
    tables    = SUBCLUSTER.out.markers.mix(
        COMPOSITION.out.composition, DIFFERENTIAL_ABUNDANCE.out.table, SAMPLE_STATUS.out.table, SAMPLE_STATUS.out.warnings
    )
    sections  = INTEGRATE.out.multiqc.mix(ANNOTATE.out.multiqc, COMPOSITION.out.multiqc)
    metrics   = metrics
    status    = SAMPLE_STATUS.out.table
    warnings  = SAMPLE_STATUS.out.warnings
    identity  = IDENTITY.out.table
    facts     = facts
}
