// Shapes of channels that several rooms use. Lists are sorted by name, so that a resumed run gives tasks the same list.

/** A channel of [meta, file] as one list of files; nothing where there is none. */
def sortedFiles(keyed) {
    keyed.map { _meta, file -> file }.collect(sort: { file -> file.name })
}

/** The files of each patient's samples: [[patient: name], [files]]. */
def byPatient(keyed) {
    keyed.map { meta, file -> [[patient: meta.patient], file] }
        .groupTuple()
        .map { meta, files -> [meta, files.sort { file -> file.name }] }
}

/** One table of all patients: the rows of [meta, table] below one header. */
def merged(tables, String name, String folder) {
    tables.map { _meta, table -> table }.collectFile(name: name, keepHeader: true, storeDir: folder, sort: { table -> table.name })
}
