// What people read and load: one table and one object of all cells, a page per patient, the quality of the run.

include { byPatient; keptByContent; sortedFiles } from '../functions/channels'
include { failedSteps; failuresTable } from '../functions/failures'
include { CELL_TABLE } from './cell_table'
include { RECEPTORS } from '../clones/receptors'
include { EXPORT } from './export'
include { CASE_ANSWER } from './case_answer'
include { CASE_FIGURES } from './case_figures'
include { CASE_REPORT } from './case_report'
include { COHORT_REPORT } from './cohort_report'
include { RUN_TABLES } from './run_tables'
include { RUN_REPORT } from './run_report'

/** Lines of versions.txt, from what the scripts of processes print: `PROCESS name=version name=version`. */
def versionLines(versions) {
    versions.map { process, packages -> "${process} ${packages.trim()}".toString() }.unique()
}

/** Lines of a channel as a file, in alphabetical order. */
def asFile(lines, String name) {
    lines.collectFile(name: name, newLine: true, sort: true).first()
}

workflow REPORT {
    take:
    sheet          // samples.tsv
    status         // qc.tsv
    warnings       // warnings.json
    identity       // identity.tsv
    facts          // list of <sample>.read.json and <sample>.qc.json
    sections       // *_mqc.json of all rooms
    matrices       // [meta with sample and patient, cells.h5ad]
    labels         // labels.parquet of the run
    embedding      // embedding.parquet, or [] where there is none
    subsets        // <lineage>.subsets.parquet
    chains         // [meta, own_chains.parquet]
    airr           // [meta, airr_rearrangement.tsv]
    scores         // [meta, signatures.parquet]
    cell_columns   // [meta, table of cells] of all rooms, among them <sample>.qc.parquet
    run_tables     // tables and facts of the whole run
    patient_tables // [meta with patient, table or facts]
    markers        // <lineage>.markers.tsv
    versions       // [process, packages as its script prints them] of all processes but the last ones, which read them
    trace          // trace.tsv of the run under way
    assets         // map of files: modules/functions/assets.nf
    export         // h5mu,h5ad, one of them, or none
    parameters     // every parameter as used: text of params.json
    release        // version of clonewatch

    main:
    CELL_TABLE(labels, sortedFiles(cell_columns), assets.cell_columns)
    receptors = sortedFiles(chains.mix(airr)).filter { files -> files }
    RECEPTORS(receptors, CELL_TABLE.out.cells, assets.lineages)
    layouts = sortedFiles(subsets)
    if (export != 'none') {
        EXPORT(
            sortedFiles(matrices),
            CELL_TABLE.out.cells,
            RECEPTORS.out.airr.ifEmpty([]),
            embedding,
            layouts,
            sortedFiles(scores),
            assets.colours,
            assets.cell_columns,
            export,
        )
    }

    // The samplesheet for every patient, so that a patient without any other table has a page too.
    patients = matrices.map { meta, _matrix -> [patient: meta.patient] }.unique()
    shared = sortedFiles(run_tables.mix(markers, sheet))
    tables = byPatient(patient_tables.mix(patients.combine(sheet)))
        .combine(shared.toList())
        .map { meta, files, all -> [meta, (files + all).unique { file -> file.name }.sort { file -> file.name }] }
        .combine(CELL_TABLE.out.cells)
        .map { meta, files, cells -> [meta, files + [cells]] }

    // Steps that failed for good, known when all steps but the last have ended; the trace is written a moment later.
    failures = versions.collect(flat: false).map { _all ->
        sleep(1000)
        def table = failuresTable(failedSteps(trace), ['step', 'of', 'attempts', 'exit', 'reason'])
        keptByContent(table.getBytes('UTF-8'), 'failed_steps.tsv')
    }

    CASE_ANSWER(tables)
    CASE_FIGURES(tables, layouts, assets.colours)

    // The pages show the versions, so the versions of CASE_REPORT cannot be part of what it waits for.
    before = versionLines(versions)
    // What bears on results: another output folder or machine makes no new page.
    machine = ['outdir', 'publish_mode', 'max_cpus', 'max_memory', 'max_time', 'registry', 'queue', 'region', 'help'] +
        ['account', 'cluster_options', 'job_array', 'scratch']
    settings = new groovy.json.JsonSlurper().parseText(parameters).findAll { name, _value -> !(name in machine) }
    shown = groovy.json.JsonOutput.prettyPrint(groovy.json.JsonOutput.toJson(settings))
    cases = tables.join(CASE_ANSWER.out.answer).join(CASE_FIGURES.out.figures)
    CASE_REPORT(
        cases.map { meta, files, answer, figures, maps, charts -> [meta, files, [answer, figures, maps, charts]] },
        assets.report,
        assets.cell_columns,
        asFile(channel.of(shown), 'params.json'),
        asFile(before, 'versions.txt'),
        failures,
        release,
    )

    answers = sortedFiles(CASE_ANSWER.out.answer).filter { files -> files.size() > 1 }
    COHORT_REPORT(answers, shared, failures, assets.colours, assets.report)

    RUN_TABLES(sortedFiles(patient_tables.mix(markers)).filter { files -> files }, failures)

    after = versionLines(CASE_REPORT.out.versions.mix(COHORT_REPORT.out.versions, RUN_TABLES.out.versions))
    engine = channel.of("clonewatch clonewatch=${release} nextflow=${nextflow.version}".toString())
    RUN_REPORT(
        sheet,
        status,
        warnings,
        identity,
        failures,
        facts,
        sortedFiles(cell_columns.filter { _meta, file -> file.name.endsWith('.qc.parquet') }),
        sortedFiles(sections),
        asFile(before.mix(after, engine), 'versions.txt'),
        asFile(channel.of(parameters), 'params.json'),
        assets.multiqc_config,
    )
}
