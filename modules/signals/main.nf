// The signals: interferon state and pathways of the cells, genes that change, and what neighbours say to the clone.

include { byPatient; sortedFiles } from '../functions/channels'
include { SIGNATURES } from './signatures'
include { SIGNATURE_CHANGE } from './signature_change'
include { PSEUDOBULK } from './pseudobulk'
include { EXPRESSION_CHANGE } from './expression_change'
include { COMMUNICATION_CELLS } from './communication_cells'
include { COMMUNICATION } from './communication'
include { COMMUNICATION_CHANGE } from './communication_change'

workflow SIGNALS {
    take:
    cells          // [meta with sample and patient, cells.h5ad]
    ambient        // [the same meta, files of AMBIENT, or []]
    labels         // labels.parquet of the run: a channel of one file
    patient_labels // [[patient: name], labels.parquet of the patient]
    subsets        // subsets.parquet of the lineages
    clones         // [[patient: name], clones.parquet]
    carriers       // [[patient: name], mrd_cells.parquet] of the patients with a bulk MRD table
    assets         // map of files: isg_core, gene_sets, gene_lists, lineages, interactions, watch_list
    scoring        // map: method, isg_threshold
    comparing      // map: level, min_cells, draws, seed
    communicating  // map: max_cells, min_share, permutations, focus (or null), min_fold

    main:
    SIGNATURES(cells, assets.isg_core, assets.gene_sets, scoring.method, comparing.seed)
    threshold = scoring.isg_threshold == null ? [] : scoring.isg_threshold
    bootstrap = comparing.subMap(['min_cells', 'draws', 'seed'])
    SIGNATURE_CHANGE(
        sortedFiles(SIGNATURES.out.scores),
        labels,
        sortedFiles(cells),
        assets.isg_core,
        assets.gene_sets,
        scoring.method,
        sortedFiles(subsets),
        threshold,
        bootstrap,
    )

    // A sample's steps take the labels of its own patient: other patients may come and go.
    labelled = cells.map { meta, file -> [[patient: meta.patient], meta, file] }
        .combine(patient_labels, by: 0)
        .map { _patient, meta, file, own -> [meta, file, own] }
    PSEUDOBULK(labelled.join(ambient))
    EXPRESSION_CHANGE(sortedFiles(PSEUDOBULK.out.sums).filter { files -> files }, labels, assets.gene_lists, assets.lineages, comparing.level)

    drawing = [level: comparing.level, max_cells: communicating.max_cells, seed: comparing.seed]
    COMMUNICATION_CELLS(labelled, assets.interactions, assets.lineages, drawing)
    drawn = COMMUNICATION_CELLS.out.cells
    pair_scoring = comparing.subMap(['min_cells', 'seed']) + communicating.subMap(['min_share', 'permutations'])
    COMMUNICATION(drawn, assets.interactions, assets.watch_list, pair_scoring)
    // The receivers are those of the clone where there is one.
    of_clones = patient_labels.join(clones, remainder: true).join(carriers, remainder: true)
        .map { meta, own, clone, carrier -> [meta, own, clone ?: [], carrier ?: []] }
    COMMUNICATION_CHANGE(
        byPatient(drawn).join(byPatient(COMMUNICATION.out.scores)).join(of_clones),
        assets.interactions,
        assets.watch_list,
        assets.lineages,
        bootstrap + communicating.subMap(['focus', 'min_share', 'min_fold']),
    )

    emit:
    scores         = SIGNATURES.out.scores                              // [meta, signatures.parquet]
    cell_columns   = SIGNATURE_CHANGE.out.cells.map { isg -> [[:], isg] }
    run_tables     = SIGNATURE_CHANGE.out.table.mix(SIGNATURE_CHANGE.out.facts.flatten())
    patient_tables = COMMUNICATION_CHANGE.out.tables.transpose().mix(COMMUNICATION_CHANGE.out.facts)
    multiqc        = SIGNATURE_CHANGE.out.multiqc.mix(COMMUNICATION_CHANGE.out.multiqc.flatten())
}
