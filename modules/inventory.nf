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

/** Tab-separated: written (as in the sheet), path, kind, size; a row per existing path, and per entry of a folder. */
def inventory(Path samplesheet) {
    def folder = samplesheet.toAbsolutePath().parent
    def words = samplesheet.getText('UTF-8').split(/[,;\t\r\n]/)
        .collect { word -> word.replaceAll(/^[\s"'\uFEFF]+|[\s"']+$/, '') }
        .findAll { word -> word && !(word in ['.', '..', '/']) }
        .unique()
    def rows = words.collectMany { word ->
        def path = resolved(word, folder)
        path.exists() ? ([path] + (path.isDirectory() ? below(path, 4) : [])).collect { found ->
            [word, found.toUriString(), found.isDirectory() ? 'folder' : 'file', found.isDirectory() ? 0 : found.size()].join('\t')
        } : []
    }
    (['written\tpath\tkind\tsize'] + rows).join('\n') + '\n'
}
