// What lies behind the samplesheet's cells. Tasks may run where the user's folders cannot be seen, so Nextflow itself looks.

/** The path of a samplesheet's cell: absolute paths and URIs as they are, others from the samplesheet's folder. */
def resolved(String written, Path folder) {
    written.startsWith('/') || written.contains('://') ? file(written, glob: false) : folder.resolve(written)
}

/** A folder's entries, at most `depth` levels down. */
def below(Path folder, int depth) {
    folder.listFiles().sort().collectMany { entry ->
        [entry] + (entry.isDirectory() && depth > 1 ? below(entry, depth - 1) : [])
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
        def found = !path.exists() ? [] : path.isDirectory() ? [path] + below(path, 5) : [path] + metricsBeside(path)
        found.collect { entry ->
            [word, entry.toUriString(), entry.isDirectory() ? 'folder' : 'file', entry.isDirectory() ? 0 : entry.size()].join('\t')
        }
    }
    (['written\tpath\tkind\tsize'] + rows).join('\n') + '\n'
}
