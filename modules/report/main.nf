// What people read.

include { MULTIQC } from './multiqc'

workflow REPORT {
    take:
    sheet    // samples.tsv
    status   // qc.tsv: one row per sample
    warnings // warnings.json, most severe first
    identity // identity.tsv
    facts    // list of the samples' JSON files
    metrics  // list of the samples' per-cell QC tables
    sections // list of MultiQC sections that other rooms made
    versions // versions.yml

    main:
    MULTIQC(
        sheet,
        status,
        warnings,
        identity,
        facts,
        metrics,
        sections,
        versions,
        file("${projectDir}/assets/multiqc_config.yml"),
    )

    emit:
    page     = MULTIQC.out.page
    versions = MULTIQC.out.versions
}
