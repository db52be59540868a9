// From Cell Ranger's files to quality-controlled cells, and which samples go on.

include { READ_CELLRANGER } from './read_cellranger'
include { QC } from './qc'
include { IDENTITY } from './identity'
include { SAMPLE_STATUS } from './sample_status'

/** A channel of [meta, file] as one list of files; sorted, so that a resumed run gives tasks the same list. */
def sortedFiles(keyed) {
    keyed.map { _meta, file -> file }.collect(sort: { file -> file.name }).ifEmpty([])
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

    emit:
    cells    = passed.join(QC.out.cells.map { meta, cells -> [meta.sample, meta, cells] }).map { _sample, meta, cells -> [meta, cells] }
    contigs  = passed.join(READ_CELLRANGER.out.contigs.map { meta, contigs -> [meta.sample, meta, contigs] }).map { _sample, meta, contigs -> [meta, contigs] }
    metrics  = metrics
    status   = SAMPLE_STATUS.out.table
    warnings = SAMPLE_STATUS.out.warnings
    identity = IDENTITY.out.table
    facts    = facts
}
