// What people read and load: one table and one object of all cells, a page per patient, the quality of the run.

include { sortedFiles } from '../channels'
include { CELL_TABLE } from './cell_table'
include { RECEPTORS } from './receptors'
include { EXPORT } from './export'
include { CASES } from './cases'
include { MULTIQC } from './multiqc'

workflow REPORT {
    take:
    sheet          // samples.tsv
    quality        // map of channels: status, warnings, identity; facts, metrics, sections as one list each
    cells          // map of channels: labels, embedding; [meta, file] of matrices, results (per cell), receptors, scores; subsets
    run_tables     // tables and facts of the whole run
    patient_tables // [meta with patient, table or facts]
    versions       // versions.yml
    settings       // map of all parameters

    main:
    assets = "${projectDir}/assets"
    columns = file("${assets}/cell_columns.tsv")
    results = sortedFiles(cells.results).combine(quality.metrics.toList()).map { files -> files.flatten() }
    CELL_TABLE(cells.labels, results, columns)
    RECEPTORS(sortedFiles(cells.receptors), CELL_TABLE.out.cells)
    subsets = cells.subsets.collect(sort: { table -> table.name }).ifEmpty([])
    if (settings.export != 'none') {
        EXPORT(
            sortedFiles(cells.matrices),
            CELL_TABLE.out.cells,
            RECEPTORS.out.airr.ifEmpty([]),
            cells.embedding,
            subsets,
            sortedFiles(cells.scores),
            file("${assets}/colours.tsv"),
            columns,
            settings.export,
        )
    }

    // The samplesheet for every patient, so that a patient without any other table has a page too.
    patients = cells.matrices.map { meta, _matrix -> [patient: meta.patient] }.unique()
    shared = run_tables.mix(sheet).collect(sort: { table -> table.name })
    tables = patient_tables.mix(patients.combine(sheet))
        .groupTuple()
        .combine(shared.toList())
        .map { meta, own, all -> [meta, (own + all).unique { file -> file.name }.sort { file -> file.name }] }
    // What bears on results: another output folder or machine makes no new page.
    place = ['outdir', 'publish_mode', 'max_cpus', 'max_memory', 'max_time', 'registry', 'queue', 'region', 'help'] +
        ['account', 'cluster_options', 'job_array', 'scratch']
    used = settings.findAll { name, _value -> !(name in place) }
    parameters = channel.of(groovy.json.JsonOutput.prettyPrint(groovy.json.JsonOutput.toJson(used)))
        .collectFile(name: 'params.json', newLine: true)
    CASES(tables, shared, CELL_TABLE.out.cells, subsets, parameters.first(), versions.first(), workflow.manifest.version)

    MULTIQC(
        sheet,
        quality.status,
        quality.warnings,
        quality.identity,
        quality.facts,
        quality.metrics,
        quality.sections,
        versions,
        file("${assets}/multiqc_config.yml"),
    )

    emit:
    pages    = CASES.out.pages
    page     = MULTIQC.out.page
    versions = MULTIQC.out.versions.mix(CASES.out.versions)
}
