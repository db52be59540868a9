#!/usr/bin/env nextflow
// clonewatch: from Cell Ranger's outputs of a patient's serial samples to clones, cells and signals over time.

include { helpText; typedSettings } from './modules/settings'
include { inventory } from './modules/inventory'
include { byPatient } from './modules/channels'
include { INPUTS } from './modules/inputs/main'
include { CELLS } from './modules/cells/main'
include { CLONES } from './modules/clones/main'
include { SIGNALS } from './modules/signals/main'
include { TUMOUR } from './modules/tumour/main'
include { REPORT } from './modules/report/main'

workflow CLONEWATCH {
    take:
    settings // map: every parameter of nextflow_schema.json in its type

    main:
    sheet = file(settings.input)
    tables = ['mrd', 'clinical', 'events', 'fish', 'labels'].collectEntries { name ->
        [name, settings[name] ? file(settings[name]) : []]
    }

    INPUTS(sheet, inventory(sheet), tables)

    CELLS(INPUTS.out.samples, INPUTS.out.sheet, INPUTS.out.labels, settings)
    patients = byPatient(CELLS.out.cells)
    labels = patients.map { meta, _cells -> meta }.combine(CELLS.out.labels)

    CLONES(labels, byPatient(CELLS.out.contigs), INPUTS.out.sheet, INPUTS.out.mrd.filter { table -> table }, settings)

    SIGNALS(CELLS.out.cells, CELLS.out.labels, INPUTS.out.sheet, settings)

    TUMOUR(labels, patients, CELLS.out.cells, CLONES.out.cells, INPUTS.out.clinical, INPUTS.out.fish, settings)

    // The pages show the versions, so their own cannot be part of what they wait for.
    versions = channel.topic('versions').map { process, packages -> versionEntry(process, packages) }.unique()
    sections = CELLS.out.sections.mix(CLONES.out.multiqc, SIGNALS.out.multiqc, TUMOUR.out.multiqc)
    REPORT(
        INPUTS.out.sheet,
        [
            status: CELLS.out.status,
            warnings: CELLS.out.warnings,
            identity: CELLS.out.identity,
            facts: CELLS.out.facts,
            metrics: CELLS.out.metrics,
            sections: sections.collect(sort: { section -> section.name }).ifEmpty([]),
        ],
        [
            labels: CELLS.out.labels,
            embedding: CELLS.out.embedding,
            subsets: CELLS.out.subsets,
            matrices: CELLS.out.cells,
            results: CLONES.out.cells.mix(
                CLONES.out.carriers,
                TUMOUR.out.cnv_cells,
                TUMOUR.out.car_cells,
                TUMOUR.out.malignant,
                SIGNALS.out.isg.map { isg -> [[:], isg] },
            ),
            receptors: CLONES.out.chains.mix(CLONES.out.airr),
            scores: SIGNALS.out.scores,
        ],
        CELLS.out.tables.mix(SIGNALS.out.run_tables, INPUTS.out.clinical.mix(INPUTS.out.events).filter { table -> table }),
        CLONES.out.tables.mix(SIGNALS.out.tables, TUMOUR.out.tables),
        versions.collectFile(name: 'versions.yml', sort: true),
        settings,
    )

    versions.mix(REPORT.out.versions.map { process, packages -> versionEntry(process, packages) })
        .mix(channel.of(versionEntry('clonewatch', "clonewatch=${workflow.manifest.version} nextflow=${nextflow.version}")))
        .collectFile(name: 'versions.yml', storeDir: "${settings.outdir}/pipeline_info", sort: true)
    channel.of(groovy.json.JsonOutput.prettyPrint(groovy.json.JsonOutput.toJson(settings)))
        .collectFile(name: 'params.json', storeDir: "${settings.outdir}/pipeline_info", newLine: true)
}

/** One process of versions.yml, from what its script prints: `name=version name=version`. */
def versionEntry(String process, String packages) {
    "${process}:\n" + packages.trim().split(/\s+/).collect { pair -> "  ${pair.replace('=', ': ')}\n" }.join()
}

workflow {
    if (params.help.toString() == 'true') {
        println helpText()
    }
    else {
        CLONEWATCH(typedSettings(params))
    }

    workflow.onComplete = {
        if (workflow.success && params.help.toString() != 'true') {
            def folder = file(params.outdir).toUriString()
            log.info(
                """
                Results are in ${folder}
                  Case reports     ${folder}/report/*.case_report.html
                  QC summary       ${folder}/report/multiqc_report.html
                  Samples          ${folder}/cells/qc.tsv
                  The run itself   ${folder}/pipeline_info
                """.stripIndent()
            )
        }
    }
}
