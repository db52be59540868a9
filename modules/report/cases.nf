// From the run's tables to one page per patient, and one over all patients where there are several.

include { CASE_ANSWER } from './case_answer'
include { CASE_SURROUNDINGS } from './case_surroundings'
include { CASE_COURSE } from './case_course'
include { CASE_CELLS } from './case_cells'
include { CASE_NICHE } from './case_niche'
include { CASE_SUMMARY } from './case_summary'
include { CASE_FIGURES } from './case_figures'
include { CASE_CURVES } from './case_curves'
include { CASE_DRAWINGS } from './case_drawings'
include { CASE_PICTURES } from './case_pictures'
include { CASE_MAP } from './case_map'
include { CASE_REPORT } from './case_report'
include { COHORT_REPORT } from './cohort_report'

workflow CASES {
    take:
    tables     // [meta with patient, [the patient's and the run's tables and facts]], one per patient
    shared     // list: samples.tsv, qc.tsv, composition.tsv, differential_abundance.tsv
    cells      // cells.parquet
    subsets    // list of <lineage>.subsets.parquet, may be empty
    parameters // params.json, or []
    versions   // versions.yml, or []
    release    // version of clonewatch

    main:
    assets = file("${projectDir}/assets/report")
    colours = file("${projectDir}/assets/colours.tsv")
    columns = file("${projectDir}/assets/cell_columns.tsv")
    staged = tables.combine(cells).map { meta, files, table -> [meta, files + [table]] }

    CASE_ANSWER(staged)
    CASE_SURROUNDINGS(staged)
    CASE_COURSE(staged, colours)
    CASE_CELLS(staged, colours)
    CASE_NICHE(staged, colours)
    CASE_SUMMARY(staged, colours)
    figures = CASE_COURSE.out.figures
        .join(CASE_CELLS.out.figures)
        .join(CASE_NICHE.out.figures)
        .join(CASE_SUMMARY.out.figures)
        .map { meta, course, tumour, kinds, niche, summary -> [meta, [course, tumour, kinds, niche, summary]] }
    CASE_FIGURES(figures)
    CASE_CURVES(figures)
    CASE_DRAWINGS(figures)
    CASE_PICTURES(
        CASE_CURVES.out.layouts
            .join(CASE_FIGURES.out.layouts)
            .join(CASE_DRAWINGS.out.layouts)
            .map { meta, curves, bars, grids, pictures -> [meta, [curves, bars, grids, pictures]] }
    )

    CASE_MAP(tables.map { meta, _files -> meta }.combine(cells), subsets, colours)
    said = CASE_ANSWER.out.answer.join(CASE_SURROUNDINGS.out.surroundings)
    CASE_REPORT(
        staged.join(said).join(figures).join(CASE_PICTURES.out.drawings).join(CASE_MAP.out.maps),
        assets, columns, parameters, versions, release,
    )

    several = CASE_ANSWER.out.answer.map { _meta, answer -> answer }
        .collect(sort: { answer -> answer.name })
        .filter { answers -> answers.size() > 1 }
    COHORT_REPORT(several, shared, colours, assets)

    emit:
    pages    = CASE_REPORT.out.page
    drawings = CASE_PICTURES.out.files
    cohort   = COHORT_REPORT.out.page
    versions = CASE_REPORT.out.versions
}
