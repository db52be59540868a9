// The signals: interferon state and pathways of the cells, genes that change, and what neighbours say to the clone.

include { byPatient; merged; sortedFiles } from '../channels'
include { SIGNATURES } from './signatures'
include { SIGNATURE_SUMMARY } from './signature_summary'
include { SIGNATURE_CHANGE } from './signature_change'
include { PSEUDOBULK } from './pseudobulk'
include { EXPRESSION_CHANGE } from './expression_change'
include { COMMUNICATION_CELLS } from './communication_cells'
include { COMMUNICATION } from './communication'
include { COMMUNICATION_CHANGE } from './communication_change'
include { COMMUNICATION_SUMMARY } from './communication_summary'

/** An asset, or the user's own file in its place. */
def asset(own, String name) {
    file(own ?: "${projectDir}/assets/${name}")
}

workflow SIGNALS {
    take:
    cells    // [meta with sample and patient, cells.h5ad]
    labels   // labels.parquet of the run: a channel of one file
    sheet    // samples.tsv
    settings // map of all parameters

    main:
    sets = [asset(null, 'hallmark.gmt')] + (settings.signatures ? [asset(settings.signatures, '')] : [])
    SIGNATURES(cells, asset(null, 'isg_core.tsv'), sets, settings.signature_score, settings.seed)
    scores = sortedFiles(SIGNATURES.out.scores)
    SIGNATURE_SUMMARY(scores, labels, sheet, settings.isg_threshold == null ? [] : settings.isg_threshold, settings.seed)
    bootstrap = [min_cells: settings.min_group, draws: settings.bootstraps, seed: settings.seed]
    SIGNATURE_CHANGE(scores, labels, sheet, bootstrap)

    lists = [asset(null, 'gene_lists.tsv')] + (settings.gene_lists ? [asset(settings.gene_lists, '')] : [])
    labelled = cells.combine(labels)
    PSEUDOBULK(labelled)
    EXPRESSION_CHANGE(sortedFiles(PSEUDOBULK.out.sums), sheet, lists, settings.signal_level)

    pairs = asset(settings.interactions, 'interactions.tsv')
    watch_list = asset(settings.watch_list, 'watch_list.tsv')
    COMMUNICATION_CELLS(labelled, pairs, [level: settings.signal_level, max_cells: settings.max_group, seed: settings.seed])
    thresholds = bootstrap + [min_share: settings.min_share, permutations: settings.permutations]
    COMMUNICATION(COMMUNICATION_CELLS.out.cells, pairs, watch_list, thresholds)
    COMMUNICATION_CHANGE(
        byPatient(COMMUNICATION_CELLS.out.cells),
        sheet,
        pairs,
        watch_list,
        thresholds + [focus: settings.focus, min_fold: settings.min_fold],
    )
    changes = COMMUNICATION_CHANGE.out.change.join(COMMUNICATION_CHANGE.out.facts)
    COMMUNICATION_SUMMARY(byPatient(COMMUNICATION.out.scores).join(changes), sheet)

    folder = "${settings.outdir}/signals"
    emit:
    scores                   = SIGNATURES.out.scores
    isg                      = SIGNATURE_SUMMARY.out.cells
    signatures               = SIGNATURE_SUMMARY.out.table
    signature_change         = SIGNATURE_CHANGE.out.change
    signature_ranks          = SIGNATURE_CHANGE.out.ranks
    signature_tests          = SIGNATURE_CHANGE.out.tests
    expression_change        = EXPRESSION_CHANGE.out.change
    dot_plot                 = EXPRESSION_CHANGE.out.dot_plot
    communication            = COMMUNICATION_SUMMARY.out.table
    communication_change     = COMMUNICATION_SUMMARY.out.change
    communication_focus      = COMMUNICATION_SUMMARY.out.focus
    communication_pairs      = COMMUNICATION_SUMMARY.out.pairs
    communication_senders    = COMMUNICATION_SUMMARY.out.senders
    communication_all        = merged(COMMUNICATION_SUMMARY.out.table, 'communication.tsv', folder)
    communication_change_all = merged(COMMUNICATION_SUMMARY.out.change, 'communication_change.tsv', folder)
    facts                    = SIGNATURE_SUMMARY.out.facts.mix(SIGNATURE_CHANGE.out.facts, EXPRESSION_CHANGE.out.facts)
    communication_facts      = COMMUNICATION_CHANGE.out.facts
    run_tables               = SIGNATURE_SUMMARY.out.table.mix(SIGNATURE_SUMMARY.out.facts, SIGNATURE_CHANGE.out.facts)
    tables                   = COMMUNICATION_SUMMARY.out.change.mix(
        COMMUNICATION_SUMMARY.out.focus, COMMUNICATION_SUMMARY.out.pairs, COMMUNICATION_SUMMARY.out.senders
    )
    multiqc                  = SIGNATURE_SUMMARY.out.multiqc.mix(COMMUNICATION_SUMMARY.out.multiqc.flatten())
}
