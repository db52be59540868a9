// What lies behind the samplesheet's cells. Tasks may run where the user's folders cannot be seen, so Nextflow itself looks.

/** The path of a samplesheet's cell: absolute paths and URIs as they are, others from the samplesheet's folder. */
def resolved(String written, Path folder) {
    written.startsWith('/') || written.contains('://') ? file(written, glob: false) : folder.resolve(written)
}

/** Whether who runs this may read it; elsewhere than on this machine's disks the task will tell. */
def readable(Path path) {
    path.scheme != 'file' || java.nio.file.Files.isReadable(path)
}

/** A folder's entries, at most `depth` levels down; links whose target is gone are none. */
def below(Path folder, int depth) {
    folder.listFiles().sort().findAll { entry -> entry.exists() }.collectMany { entry ->
        [entry] + (entry.isDirectory() && readable(entry) && depth > 1 ? below(entry, depth - 1) : [])
    }
}

/** Cell Ranger's metrics beside a file: in its folder (count) or in the one above (multi). */
def metricsBeside(Path path) {
    [path.parent, path.parent?.parent]
        .findAll { place -> place }
        .collect { place -> place.resolve('metrics_summary.csv') }
        .findAll { metrics -> metrics.exists() }
}

/** Tab-separated: written (as in the sheet), path, kind, size; a row per existing path, and per entry of a folder. */
def inventory(Path samplesheet) {
    def folder = samplesheet.toAbsolutePath().parent
    // Not getText: a sheet in another encoding is for CHECK_INPUTS to name.
    def words = new String(samplesheet.bytes, 'UTF-8').split(/[,;\t\r\n]/)
        .collect { word -> word.replaceAll(/^[\s"'\uFEFF]+|[\s"']+$/, '') }
        .findAll { word -> word && !(word in ['.', '..', '/']) && !(word =~ /\p{Cntrl}/) }
        .unique()
    def rows = words.collectMany { word ->
        def path = resolved(word, folder)
        // 5 levels: run/outs/per_sample_outs/<sample>/count/<matrix>, from the run's folder.
        def inside = path.isDirectory() && readable(path) ? below(path, 5) : []
        def found = path.exists() ? [path] + inside + (path.isDirectory() ? [] : metricsBeside(path)) : []
        found.collect { entry ->
            def kind = readable(entry) ? (entry.isDirectory() ? 'folder' : 'file') : 'unreadable'
            [word, entry.toUriString(), kind, entry.isDirectory() ? 0 : entry.size()].join('\t')
        }
    }
    (['written\tpath\tkind\tsize'] + rows).join('\n') + '\n'
}
