#!/usr/bin/env nextflow
// clonewatch: from Cell Ranger's outputs of a patient's serial samples to clones, cells and signals over time.

include { helpText; typedSettings } from './modules/functions/settings'
include { assetFiles } from './modules/functions/assets'
include { byPatient } from './modules/functions/channels'
include { lastWordsOfRun } from './modules/functions/failures'
include { beginPublishing; endPublishing } from './modules/functions/published'
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
    beginPublishing(file(settings.outdir))
    assets = assetFiles(settings)
    tables = ['mrd', 'clinical', 'events', 'fish', 'labels'].collectEntries { name ->
        [name, settings[name] ? file(settings[name]) : []]
    }

    INPUTS(file(settings.input), tables, assets, settings.reference_date ?: '')

    CELLS(
        INPUTS.out.samples,
        INPUTS.out.sheet,
        INPUTS.out.labels,
        assets,
        settings.subMap(['qc', 'min_umi', 'min_genes', 'max_genes', 'max_mito', 'max_hb', 'doublets', 'min_cells', 'seed']),
        settings.min_overlap,
        settings.strict_identity,
        settings.keep_going,
        settings.subMap(['integration', 'integrate_over', 'clustering', 'resolution', 'seed']),
        settings.subMap(['min_score', 'min_margin', 'labels_use']),
        settings.qc_only,
    )
    labels = CELLS.out.patient_labels

    CLONES(
        labels,
        byPatient(CELLS.out.contigs),
        INPUTS.out.sheet,
        INPUTS.out.mrd.filter { table -> table },
        assets,
        settings.clone_rule,
        settings.count_ambiguous,
        settings.mrd_mismatch,
        settings.seed,
    )

    SIGNALS(
        CELLS.out.cells,
        CELLS.out.ambient,
        CELLS.out.labels,
        labels,
        CELLS.out.subsets,
        CLONES.out.cells,
        CLONES.out.carriers,
        assets,
        [method: settings.signature_score, isg_threshold: settings.isg_threshold],
        [level: settings.signal_level, min_cells: settings.min_group, draws: settings.bootstraps, seed: settings.seed],
        [max_cells: settings.max_group] + settings.subMap(['min_share', 'permutations', 'focus', 'min_fold']),
    )

    TUMOUR(
        labels,
        byPatient(CELLS.out.cells),
        CELLS.out.cells,
        CELLS.out.ambient,
        CLONES.out.cells,
        INPUTS.out.sheet,
        INPUTS.out.clinical,
        INPUTS.out.events,
        INPUTS.out.fish,
        assets,
        settings.car,
        settings.min_evidence,
        settings.seed,
    )

    course = INPUTS.out.clinical.mix(INPUTS.out.events).filter { table -> table }
    REPORT(
        INPUTS.out.sheet,
        CELLS.out.status,
        CELLS.out.warnings,
        CELLS.out.identity,
        CELLS.out.facts,
        CELLS.out.multiqc.mix(CLONES.out.multiqc, SIGNALS.out.multiqc, TUMOUR.out.multiqc),
        CELLS.out.cells,
        CELLS.out.labels,
        CELLS.out.embedding,
        CELLS.out.subsets,
        CLONES.out.chains,
        CLONES.out.airr,
        SIGNALS.out.scores,
        CELLS.out.cell_columns.mix(CLONES.out.cell_columns, SIGNALS.out.cell_columns, TUMOUR.out.cell_columns),
        CELLS.out.run_tables.mix(SIGNALS.out.run_tables, course),
        CLONES.out.patient_tables.mix(SIGNALS.out.patient_tables, TUMOUR.out.patient_tables),
        CELLS.out.markers,
        channel.topic('versions'),
        file("${settings.outdir}/pipeline_info/trace.tsv"),
        assets,
        settings.export,
        groovy.json.JsonOutput.prettyPrint(groovy.json.JsonOutput.toJson(settings)),
        workflow.manifest.version,
    )
}

workflow {
    if (params.help.toString() == 'true') {
        println helpText()
    }
    else {
        CLONEWATCH(typedSettings(params))
    }

    workflow.onComplete = {
        if (params.help.toString() != 'true') {
            def whole = workflow.success && !workflow.errorMessage
            endPublishing(file(params.outdir), whole)
            log.info(lastWordsOfRun(file(params.outdir), whole))
        }
    }
}
