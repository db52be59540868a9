// From Cell Ranger's files to quality-controlled, named cells and their shares over time.

include { byContent; sortedFiles } from '../functions/channels'
include { READ_CELLRANGER } from './read_cellranger'
include { QC } from './qc'
include { AMBIENT } from './ambient'
include { IDENTITY } from './identity'
include { SAMPLE_STATUS } from './sample_status'
include { INTEGRATE } from './integrate'
include { ANNOTATE } from './annotate'
include { SUBCLUSTER } from './subcluster'
include { COMPOSITION } from './composition'
include { DIFFERENTIAL_ABUNDANCE } from './differential_abundance'

/** Of [meta with sample, file] those whose sample passed. */
def ofPassed(keyed, passed) {
    passed.join(keyed.map { meta, file -> [meta.sample, meta, file] }).map { _sample, meta, file -> [meta, file] }
}

/** Why a run that is not to go on without its failed samples and libraries ends here; null where none failed. */
def failures(List rows) {
    def failed = rows.findAll { row -> row.status != 'pass' || row.left_out }
    def reasons = failed.collect { row -> "\n  ${row.sample}: ${row.reason ?: row.left_out}" }.join('')
    def advice = 'and --keep_going is off; correct or remove them, or turn it on'
    failed ? "${failed.size()} of ${rows.size()} samples failed or lost a library, ${advice}.${reasons}" : null
}

/** Contigs of each sample; of one whose library is left out those that IDENTITY wrote without it. */
def ofFittingLibraries(contigs, corrected) {
    def others = corrected.flatten().map { file -> [file.name - ~/\.contigs\.parquet$/, byContent(file)] }
    contigs.map { meta, file -> [meta.sample, meta, file] }
        .join(others, remainder: true)
        .filter { _sample, meta, _file, _other -> meta }
        .map { _sample, meta, file, other -> [meta, other ?: file] }
}

workflow CELLS {
    take:
    samples         // [meta, gex, vdj_b, vdj_t, vdj_t_gd, metrics], [] where a sample has none
    sheet           // samples.tsv
    labels          // labels.tsv: the user's own cell types, or []
    assets          // map of files: functions/assets.nf
    thresholds      // map: qc, min_umi, min_genes, max_genes, max_mito, max_hb, doublets, min_cells, seed
    min_overlap     // least share of receptor cells that are cells of the sample
    strict_identity // stop at any doubt about which sample is whose
    keep_going      // leave out samples that failed
    integration     // map: integration, integrate_over, clustering, resolution, seed
    naming          // map: min_score, min_margin, labels_use
    qc_only         // end after quality control

    main:
    READ_CELLRANGER(samples, assets.gene_ids)
    QC(READ_CELLRANGER.out.counts.join(READ_CELLRANGER.out.contigs), thresholds)
    metrics = sortedFiles(QC.out.metrics)
    facts = sortedFiles(READ_CELLRANGER.out.facts.mix(QC.out.facts))
    AMBIENT(QC.out.cells)
    soup = AMBIENT.out.results.map { meta, files -> [meta, files.find { file -> file.name.endsWith('.json') }] }
    IDENTITY(sheet, metrics, sortedFiles(READ_CELLRANGER.out.contigs), min_overlap)

    SAMPLE_STATUS(sheet, sortedFiles(READ_CELLRANGER.out.facts.mix(QC.out.facts, soup)), IDENTITY.out.facts, sortedFiles(QC.out.genes), strict_identity)
    SAMPLE_STATUS.out.warnings.subscribe { warnings ->
        new groovy.json.JsonSlurper().parseText(warnings.text).findAll { warning -> warning.level != 'note' }.each { warning ->
            log.warn("${warning.sample}: ${warning.text}")
        }
    }
    rows = SAMPLE_STATUS.out.table.flatMap { table ->
        def all = table.splitCsv(header: true, sep: '\t')
        def problem = keep_going ? null : failures(all)
        if (problem) {
            error(problem)
        }
        all
    }
    good = rows.filter { row -> row.status == 'pass' }
    good.filter { row -> row.species == 'mouse' }.map { row -> row.sample }.collect().subscribe { names ->
        log.warn("${names.join(', ')}: mouse, so quality control only; markers, gene sets and gene positions are human")
    }
    passed = good.filter { row -> row.species != 'mouse' && !qc_only }.map { row -> row.sample }

    kept = ofPassed(QC.out.cells, passed)
    receptors = ofPassed(ofFittingLibraries(READ_CELLRANGER.out.contigs, IDENTITY.out.contigs), passed)
    // No task where no sample is left.
    matrices = sortedFiles(kept).filter { files -> files }

    INTEGRATE(sheet, matrices, sortedFiles(ofPassed(QC.out.genes, passed)), assets.excluded_genes, integration)

    ANNOTATE(
        INTEGRATE.out.clusters,
        INTEGRATE.out.expression,
        matrices,
        sortedFiles(receptors),
        assets.markers,
        assets.profiles,
        assets.lineages,
        labels,
        assets.celltypist_model,
        naming,
    )

    SUBCLUSTER(
        ANNOTATE.out.lineages.splitCsv(header: true, sep: '\t'),
        ANNOTATE.out.annotation,
        sheet,
        matrices,
        sortedFiles(ofPassed(QC.out.metrics, passed)),
        [assets.subsets, assets.subset_rates, assets.interferon_resting],
        assets.markers,
        assets.lineages,
        assets.excluded_genes,
        integration.subMap(['integration', 'integrate_over', 'seed']),
    )
    COMPOSITION(
        sheet,
        SAMPLE_STATUS.out.table,
        ANNOTATE.out.annotation,
        INTEGRATE.out.clusters,
        sortedFiles(SUBCLUSTER.out.subsets),
        sortedFiles(ofPassed(QC.out.metrics, passed)),
        assets.colours,
    )
    DIFFERENTIAL_ABUNDANCE(COMPOSITION.out.composition)

    emit:
    cells          = kept      // [meta with sample and patient, cells.h5ad] of the samples that passed
    contigs        = receptors // [meta, contigs.parquet] of the same
    ambient        = kept.join(AMBIENT.out.results, remainder: true) // [meta, files of AMBIENT] of the same, [] where it failed
        .filter { _meta, matrix, _files -> matrix }
        .map { meta, _matrix, files -> [meta, files ?: []] }
    labels         = COMPOSITION.out.labels
    patient_labels = COMPOSITION.out.patient_labels.flatten().map { table ->
        [[patient: table.name.replaceAll(/\.labels\.parquet$/, '')], byContent(table)]
    }
    embedding      = INTEGRATE.out.embedding
    subsets        = SUBCLUSTER.out.subsets // one table per lineage
    markers        = SUBCLUSTER.out.markers // one table per lineage
    cell_columns   = QC.out.metrics         // [meta, qc.parquet] of all samples
    run_tables     = COMPOSITION.out.composition.mix(
        COMPOSITION.out.change, DIFFERENTIAL_ABUNDANCE.out.table, SAMPLE_STATUS.out.table, SAMPLE_STATUS.out.warnings
    )
    multiqc        = INTEGRATE.out.multiqc.mix(ANNOTATE.out.multiqc, COMPOSITION.out.multiqc)
    status         = SAMPLE_STATUS.out.table
    warnings       = SAMPLE_STATUS.out.warnings
    identity       = IDENTITY.out.table
    facts          = facts
}
