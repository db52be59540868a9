// The tumour: arms gained and lost beside FISH, CAR-T cells, and which cells are malignant.

include { merged } from '../channels'
include { ARMS } from './arms'
include { ARM_PROFILE } from './arm_profile'
include { CNV } from './cnv'
include { FISH } from './fish'
include { TRANSGENE } from './transgene'
include { CAR_KINETICS } from './car_kinetics'
include { MALIGNANCY } from './malignancy'

workflow TUMOUR {
    take:
    labels   // [meta with patient, labels.parquet], one per patient
    cells    // [meta with patient, [cells.h5ad of each sample]], the same metas
    samples  // [meta with sample and patient, cells.h5ad]
    clones   // [meta with patient, clones.parquet]
    clinical // clinical.tsv of all patients, or []
    fish     // fish.tsv of all patients, or []
    settings // map of all parameters

    main:
    assets = "${projectDir}/assets"
    positions = file(settings.gene_positions ?: "${assets}/gene_positions_hg38.tsv")
    gtf = settings.gtf ? file(settings.gtf) : []
    labelled = labels.join(clones)

    ARMS(labelled.join(cells), positions, gtf, file("${assets}/masked_genes.tsv"))
    ARM_PROFILE(ARMS.out.genes.join(ARMS.out.arms))
    CNV(labels.join(ARMS.out.arms).join(ARM_PROFILE.out.shifts), settings.seed)
    FISH(CNV.out.table, fish.filter { table -> table })

    by_patient = labels.map { meta, table -> [meta.patient, table] }
    TRANSGENE(
        samples.map { meta, matrix -> [meta.patient, meta, matrix] }
            .combine(by_patient, by: 0)
            .map { _patient, meta, matrix, table -> [meta, table, matrix] },
        settings.car ?: '',
        file("${assets}/car_names.tsv"),
    )
    results = TRANSGENE.out.results
        .map { meta, files -> [meta.patient, files] }
        .groupTuple()
        .map { patient, files -> [patient, files.flatten().sort { file -> file.name }] }
    CAR_KINETICS(
        labelled.map { meta, table, of_clone -> [meta.patient, meta, table, of_clone] }
            .join(results)
            .map { _patient, meta, table, of_clone, files -> [meta, table, of_clone, files] },
        clinical,
    )

    probes = CNV.out.table.join(FISH.out.table, remainder: true).map { meta, _cnv, table -> [meta, table ?: []] }
    MALIGNANCY(
        labelled.join(cells).join(CNV.out.table).join(CNV.out.cells).join(probes),
        clinical,
        file("${assets}/malignant_programmes.tsv"),
        settings.min_evidence,
    )

    folder = "${settings.outdir}/tumour"
    emit:
    cnv           = CNV.out.table
    cnv_all       = merged(CNV.out.table, 'cnv.tsv', folder)
    cnv_cells     = CNV.out.cells
    cnv_facts     = ARMS.out.facts
    windows       = ARM_PROFILE.out.windows
    fish          = FISH.out.table
    fish_all      = merged(FISH.out.table, 'fish.tsv', folder)
    car           = CAR_KINETICS.out.table
    car_all       = merged(CAR_KINETICS.out.table, 'car.tsv', folder)
    car_cells     = CAR_KINETICS.out.cells
    car_details   = CAR_KINETICS.out.details
    car_facts     = CAR_KINETICS.out.facts
    malignancy    = MALIGNANCY.out.table
    malignant_all = merged(MALIGNANCY.out.table, 'malignancy.tsv', folder)
    malignant     = MALIGNANCY.out.cells
    evidence      = MALIGNANCY.out.facts
    tables        = CNV.out.table.mix(FISH.out.table, CAR_KINETICS.out.table, CAR_KINETICS.out.details.transpose()).mix(
        MALIGNANCY.out.table, MALIGNANCY.out.facts
    )
    multiqc       = CNV.out.multiqc.mix(FISH.out.multiqc, CAR_KINETICS.out.multiqc, MALIGNANCY.out.multiqc)
}
