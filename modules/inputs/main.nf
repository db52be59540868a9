// The samplesheet and the optional tables, checked, cleaned and in order; the files behind them.

include { CHECK_INPUTS } from './check_inputs'

/** A path of samples.tsv as a file; [] where there is none. */
def fileOrNone(String path) {
    path ? file(path, glob: false) : []
}

workflow INPUTS {
    take:
    sheet     // samplesheet as the user wrote it
    inventory // text of modules/inventory.nf
    tables    // map: mrd, clinical, events, fish, labels; [] where not given

    main:
    CHECK_INPUTS(
        sheet,
        file("${projectDir}/assets/tables.json"),
        tables.mrd,
        tables.clinical,
        tables.events,
        tables.fish,
        tables.labels,
        inventory,
    )
    CHECK_INPUTS.out.warnings.subscribe { warnings ->
        new groovy.json.JsonSlurper().parseText(warnings.text).each { warning -> log.warn(warning.text) }
    }

    // Days and labels are not part of `meta`: a corrected day reads no sample again.
    samples = CHECK_INPUTS.out.sheet
        .splitCsv(header: true, sep: '\t')
        .map { row ->
            def meta = [sample: row.sample, patient: row.patient]
            def metrics = (row.metrics ?: '').tokenize(';').collect { path -> fileOrNone(path) }
            [meta, fileOrNone(row.gex), fileOrNone(row.vdj_b), fileOrNone(row.vdj_t), metrics]
        }

    emit:
    samples  = samples // [meta, gex, vdj_b, vdj_t, metrics], [] where a sample has none
    sheet    = CHECK_INPUTS.out.sheet
    // the cleaned tables, [] where none was given
    mrd      = tables.mrd ? CHECK_INPUTS.out.mrd : channel.value([])
    clinical = tables.clinical ? CHECK_INPUTS.out.clinical : channel.value([])
    events   = tables.events ? CHECK_INPUTS.out.events : channel.value([])
    fish     = tables.fish ? CHECK_INPUTS.out.fish : channel.value([])
    labels   = tables.labels ? CHECK_INPUTS.out.labels : channel.value([])
    warnings = CHECK_INPUTS.out.warnings
    versions = CHECK_INPUTS.out.versions
}
