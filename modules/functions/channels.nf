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

/** The rows of one patient of a table with a column `patient`, [] of []: rows of other patients run nothing of this one again. */
def rowsOf(table, String patient) {
    if (!table) {
        return []
    }
    def lines = table.readLines()
    def column = lines ? lines[0].split('\t').findIndexOf { name -> name == 'patient' } : -1
    def rows = lines.drop(1).findAll { line -> column < 0 || line.split('\t', -1)[column] == patient }
    def text = (lines.take(1) + rows).collect { line -> "${line}\n" }.join()
    keptByContent(text.getBytes('UTF-8'), table.name)
}

/** [meta, rows of the patient] for every patient of a channel of [meta with patient, ...]; table: a channel of one table, or of []. */
def patientRows(patients, table) {
    patients.combine(table.map { rows -> [rows] }).map { entry -> [entry[0], rowsOf(entry[-1], entry[0].patient)] }
}
