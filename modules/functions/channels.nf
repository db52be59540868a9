// Shapes of channels that several rooms use. Lists are sorted by name, so that a resumed run gives tasks the same list.

/** A channel of files, or of [meta, file], as one list of files; [] where there is none. */
def sortedFiles(files) {
    files.map { entry -> entry instanceof List ? entry[-1] : entry }.flatten().collect(sort: { file -> file.name }).ifEmpty([])
}

/** The files of each patient's samples: [[patient: name], [files]]. */
def byPatient(keyed) {
    keyed.map { meta, file -> [[patient: meta.patient], file] }
        .groupTuple()
        .map { meta, files -> [meta, files.sort { file -> file.name }] }
}

/**
 * A small table in a folder of the work directory that is named by its content. A task that is run again and writes the same
 * table then gives the steps after it the same file, and they are not run again.
 */
def byContent(Path table) {
    keptByContent(table.bytes, table.name)
}

def keptByContent(byte[] content, String name) {
    def digest = java.security.MessageDigest.getInstance('SHA-256').digest(content).encodeHex().toString()
    def kept = workflow.workDir.resolve("by-content/${digest.take(2)}/${digest.drop(2)}/${name}")
    if (!kept.exists()) {
        kept.parent.mkdirs()
        // Under another name first: a run that is killed here leaves no half table.
        def draft = kept.parent.resolve("${UUID.randomUUID()}.part")
        draft.bytes = content
        draft.moveTo(kept)
    }
    kept
}

/** A table of several patients as [[patient: name], table of the patient's rows]: another patient's rows run nothing again. */
def rowsByPatient(Path table) {
    def lines = table.readLines()
    def column = lines ? lines[0].split('\t').findIndexOf { name -> name == 'patient' } : -1
    if (column < 0) {
        return []
    }
    lines.drop(1)
        .groupBy { line -> line.split('\t', -1)[column] }
        .collect { patient, rows ->
            [[patient: patient], keptByContent(([lines[0]] + rows).collect { line -> "${line}\n" }.join().getBytes('UTF-8'), table.name)]
        }
}
