// From contigs to clones, their fates, and which cells carry the bulk MRD clones.

include { patientRows } from '../functions/channels'
include { CHAINS } from './chains'
include { CLONOTYPES } from './clonotypes'
include { CLONE_TABLE } from './clone_table'
include { REPERTOIRE } from './repertoire'
include { REARRANGEMENTS } from './rearrangements'
include { FATES } from './fates'
include { MRD } from './mrd'

workflow CLONES {
    take:
    labels          // [meta with patient, labels.parquet of the patient]
    contigs         // [meta with patient, [contigs.parquet of its samples]], the same metas
    sheet           // samples.tsv
    mrd             // mrd.tsv of all patients, or an empty channel
    assets          // map of files: lineages, receptor_genes, vdj_library
    clone_rule      // similarity, nucleotide or amino_acid
    count_ambiguous // whether ambiguous and multichain cells are in denominators
    mrd_mismatch    // bases of a bulk junction that may differ
    seed            // of the rarefaction

    main:
    CHAINS(labels.join(contigs), assets.lineages, assets.receptor_genes)
    chains = CHAINS.out.chains

    CLONOTYPES(chains.join(CHAINS.out.pairing), clone_rule, count_ambiguous)
    cells = CLONOTYPES.out.cells
    labelled = labels.join(cells)

    CLONE_TABLE(labelled.join(chains), assets.lineages)
    REPERTOIRE(labelled.join(chains), seed)
    REARRANGEMENTS(labelled.join(chains).join(contigs))

    // Only a patient's own samples are part of its task: other patients may come and go.
    FATES(labelled.join(CLONE_TABLE.out.clones).join(patientRows(labels, sheet)), assets.lineages)

    MRD(
        labelled.join(chains).join(CLONE_TABLE.out.clones).join(patientRows(labels, mrd)),
        assets.lineages,
        assets.vdj_library,
        assets.receptor_genes,
        mrd_mismatch,
    )

    emit:
    cells          = cells                    // [meta, clones.parquet]
    carriers       = MRD.out.carriers         // [meta, mrd_cells.parquet] of patients with a bulk table
    chains         = chains                   // [meta, own_chains.parquet]
    airr           = REARRANGEMENTS.out.airr  // [meta, airr_rearrangement.tsv]
    cell_columns   = cells.mix(MRD.out.carriers)
    patient_tables = CLONE_TABLE.out.clones
        .mix(CLONE_TABLE.out.cells, FATES.out.fates, MRD.out.tables.transpose(), CLONOTYPES.out.facts, FATES.out.facts)
    multiqc        = CHAINS.out.multiqc.flatten()
        .mix(CLONE_TABLE.out.multiqc, REPERTOIRE.out.multiqc, FATES.out.multiqc, MRD.out.multiqc)
}
