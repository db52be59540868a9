// The samplesheet and the optional tables, checked, cleaned and in order; the files behind them.

include { byContent } from '../functions/channels'
include { inventory } from '../functions/inventory'
include { CHECK_INPUTS } from './check_inputs'

/** A path of samples.tsv as a file, paths between semicolons as a list of files; [] where there is none. */
def fileOrNone(String path) {
    def files = (path ?: '').tokenize(';').collect { one -> file(one, glob: false) }
    files.size() == 1 ? files[0] : files
}

workflow INPUTS {
    take:
    sheet          // samplesheet as the user wrote it
    tables         // map: mrd, clinical, events, fish, labels; [] where not given
    assets         // map of modules/functions/assets.nf
    reference_date // date of day 0, or patient=date,..; '' where none was given

    main:
    CHECK_INPUTS(
        sheet,
        assets.tables,
        assets.headings,
        assets.fish_words,
        reference_date,
        tables.mrd,
        tables.clinical,
        tables.events,
        tables.fish,
        tables.labels,
        [assets.own.keySet() as List, assets.own.values() as List],
        inventory(sheet, assets.tables),
    )
    CHECK_INPUTS.out.warnings.subscribe { warnings ->
        new groovy.json.JsonSlurper().parseText(warnings.text).each { warning -> log.warn(warning.text) }
    }

    // What reads a table is run again where its content has changed, not where the check was run again.
    samplesheet = CHECK_INPUTS.out.sheet.map { table -> byContent(table) }
    none = channel.value([])

    // Days and labels are not part of `meta`: a corrected day reads no sample again.
    samples = samplesheet
        .splitCsv(header: true, sep: '\t')
        .map { row ->
            def meta = [sample: row.sample, patient: row.patient]
            [meta] + ['gex', 'vdj_b', 'vdj_t', 'vdj_t_gd', 'metrics'].collect { name -> fileOrNone(row[name]) }
        }

    emit:
    samples  = samples // [meta, gex, vdj_b, vdj_t, vdj_t_gd, metrics], [] where a sample has none
    sheet    = samplesheet // samples.tsv
    // the cleaned tables, [] where none was given
    mrd      = tables.mrd ? CHECK_INPUTS.out.mrd.map { table -> byContent(table) } : none
    clinical = tables.clinical ? CHECK_INPUTS.out.clinical.map { table -> byContent(table) } : none
    events   = tables.events ? CHECK_INPUTS.out.events.map { table -> byContent(table) } : none
    fish     = tables.fish ? CHECK_INPUTS.out.fish.map { table -> byContent(table) } : none
    labels   = tables.labels ? CHECK_INPUTS.out.labels.map { table -> byContent(table) } : none
}
