// From contigs to clones, their fates, and which cells carry the bulk MRD clones.

include { CHAINS } from './chains'
include { OWN_CHAINS } from './own_chains'
include { CLONOTYPES } from './clonotypes'
include { CLONE_TABLE } from './clone_table'
include { REPERTOIRE } from './repertoire'
include { REARRANGEMENTS } from './rearrangements'
include { FATES } from './fates'
include { MRD_MATCH } from './mrd_match'
include { MRD } from './mrd'

workflow CLONES {
    take:
    labels   // [meta with patient, labels.parquet], one per patient
    contigs  // [meta with patient, [contigs.parquet of each sample]], the same metas
    sheet    // samples.tsv
    mrd      // mrd.tsv of all patients, or an empty channel
    settings // map of all parameters

    main:
    CHAINS(labels.join(contigs))
    OWN_CHAINS(labels.join(CHAINS.out.chains))
    own = OWN_CHAINS.out.chains

    CLONOTYPES(own.join(CHAINS.out.pairing), settings.clone_rule, settings.count_ambiguous)
    cells = CLONOTYPES.out.cells
    labelled = labels.join(cells)

    CLONE_TABLE(labelled.join(own).join(CLONOTYPES.out.facts))
    REPERTOIRE(labelled.join(own).join(CLONOTYPES.out.facts), settings.seed)
    REARRANGEMENTS(labelled.join(own).join(contigs))
    FATES(labelled.join(CLONE_TABLE.out.clones), sheet)

    MRD_MATCH(own.combine(mrd), settings.mrd_mismatch)
    MRD(
        labelled.join(own).join(CLONE_TABLE.out.clones).join(MRD_MATCH.out.matches)
            .join(MRD_MATCH.out.carriers).join(MRD_MATCH.out.curve)
    )

    emit:
    cells       = cells
    chains      = own
    clones      = CLONE_TABLE.out.clones
    clone_cells = CLONE_TABLE.out.cells
    diversity   = REPERTOIRE.out.diversity
    usage       = REPERTOIRE.out.usage
    airr        = REARRANGEMENTS.out.airr
    fates       = FATES.out.fates
    mrd         = MRD.out.mrd
    facts       = OWN_CHAINS.out.facts.mix(CLONOTYPES.out.facts, FATES.out.facts, MRD.out.facts)
    carriers    = MRD_MATCH.out.carriers
    tables      = CLONE_TABLE.out.clones.mix(
        CLONE_TABLE.out.cells, FATES.out.fates, MRD.out.mrd, MRD_MATCH.out.matches, MRD_MATCH.out.curve, CLONOTYPES.out.facts, FATES.out.facts
    )
    multiqc     = CHAINS.out.multiqc.mix(
        OWN_CHAINS.out.multiqc, CLONE_TABLE.out.multiqc, REPERTOIRE.out.multiqc, FATES.out.multiqc, MRD.out.multiqc
    )
}
