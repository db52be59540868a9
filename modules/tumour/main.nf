// The tumour: arms gained and lost next to FISH, CAR-T cells, and which cells are malignant.

include { byPatient; patientRows } from '../functions/channels'
include { CNV } from './cnv'
include { FISH } from './fish'
include { TRANSGENE } from './transgene'
include { CAR_KINETICS } from './car_kinetics'
include { MALIGNANCY } from './malignancy'

workflow TUMOUR {
    take:
    labels       // [meta with patient, labels.parquet of the patient]
    patients     // [meta with patient, [cells.h5ad of the patient's samples]], the same metas
    samples      // [meta with sample and patient, cells.h5ad]
    ambient      // [the same meta, files of AMBIENT, or []]
    clones       // [meta with patient, clones.parquet]
    sheet        // samples.tsv
    clinical     // clinical.tsv of all patients, or []
    events       // events.tsv of all patients, or []
    fish         // fish.tsv of all patients, or []
    assets       // map of files: lineages, gene_positions, gtf (or []), masked_genes, fish_words, car_names, and two of MALIGNANCY
    car          // names or patterns of the CAR's features, separated by commas, or null
    min_evidence // lines of evidence that a malignant cell needs
    seed         // of all random choices

    main:
    labelled = labels.join(clones)
    CNV(labelled.join(patients), assets.lineages, assets.gene_positions, assets.gtf, assets.masked_genes, seed)
    FISH(CNV.out.table.join(patientRows(CNV.out.table, fish.filter { table -> table })), assets.fish_words)

    // Only a patient's own rows of a table are part of its tasks: other patients may come and go.
    designed = labelled.join(patientRows(labels, sheet))
    values = patientRows(labels, clinical)
    TRANSGENE(
        samples.join(ambient).map { meta, cells, soup -> [[patient: meta.patient], meta, cells, soup] }
            .combine(designed, by: 0)
            .map { _patient, meta, cells, soup, table, clone, rows -> [meta, table, clone, rows, cells, soup] },
        assets.lineages,
        car ?: '',
        assets.car_names,
    )
    CAR_KINETICS(labelled.join(byPatient(TRANSGENE.out.results.transpose())).join(values))

    probes = CNV.out.table.join(FISH.out.table, remainder: true).map { meta, _cnv, table -> [meta, table ?: []] }
    MALIGNANCY(
        labelled.join(patients).join(CNV.out.table).join(CNV.out.cells).join(probes).join(values).join(patientRows(labels, events)),
        assets.lineages,
        assets.malignant_programmes,
        assets.precursor_genes,
        min_evidence,
    )

    emit:
    cell_columns   = CNV.out.cells.mix(CAR_KINETICS.out.cells, MALIGNANCY.out.cells)
    patient_tables = CNV.out.table.mix(
        FISH.out.table,
        CAR_KINETICS.out.table,
        CAR_KINETICS.out.details.transpose(),
        CAR_KINETICS.out.facts,
        MALIGNANCY.out.table,
        MALIGNANCY.out.precursors,
        MALIGNANCY.out.facts,
    )
    multiqc        = CNV.out.multiqc.mix(FISH.out.multiqc, CAR_KINETICS.out.multiqc, MALIGNANCY.out.multiqc)
}
