// What lies behind the paths of the samplesheet. Tasks may run where the user's folders cannot be seen, so Nextflow itself looks.
// Only what CHECK_INPUTS judges is listed (bin/_cellranger_outs.py): another file in these folders makes no new task.

/** The path of a samplesheet's cell: absolute paths and URIs as they are, others from the samplesheet's folder. */
def resolved(String written, Path folder) {
    written.startsWith('/') || written.contains('://') ? file(written, glob: false) : folder.resolve(written)
}

/** Whether who runs this may read it; elsewhere than on this machine's disks the task will tell. */
def readable(Path path) {
    path.scheme != 'file' || java.nio.file.Files.isReadable(path)
}

/** Rows of a table's cells. A separator or a line break between quotation marks is part of its cell. */
def rowsOf(String text, String mark) {
    def plain = "[^\\r\\n${mark}]*+"
    def cells = "\n${text}" =~ "(\\R|${mark})(\"[^\"]*+(?:\"\"[^\"]*+)*+\"${plain}|${plain})"
    def rows = cells.collect().inject([]) { before, match ->
        def cell = match[2].replaceAll(/^[\s"']+|[\s"']+$/, '')
        if (match[1] != mark) {
            before << []
        }
        before[-1] << cell
        before
    }
    rows.findAll { row -> row.any() }
}

/** The paths of a samplesheet as written, each with the columns it is in. */
def writtenPaths(Path samplesheet, Path specification) {
    def columns = new groovy.json.JsonSlurper().parseText(specification.text).samples.columns
    // Not getText: a sheet in another encoding is for CHECK_INPUTS to name.
    def text = new String(samplesheet.bytes, 'UTF-8').replaceFirst(/^\uFEFF/, '').replaceFirst(/^(?i)sep=[^\r\n]*\R/, '')
    def tables = [',', ';', '\t'].collect { mark -> rowsOf(text, mark) }.findAll { table -> table }.collect { table ->
        [table[0].collect { name -> name.toLowerCase().replaceAll(/\s+/, '_') }, table.drop(1)]
    }
    def (header, rows) = tables.max { table -> table[0].intersect(columns.keySet()).size() } ?: [[], []]
    def paths = header.findIndexValues { name -> columns[name]?.type == 'path' }.collect { index -> index as int }
    rows.collectMany { row -> paths.collect { index -> [row[index], header[index]] } }
        .findAll { written, _column -> written && !(written in ['.', '..', '/']) && !(written =~ /\p{Cntrl}/) }
        .groupBy { written, _column -> written }
        .collectEntries { written, pairs -> [written, pairs.collect { pair -> pair[1] } as Set] }
}

def isMatrix(String name) {
    name ==~ /.*((feature_bc_matrix|gene_bc_matrices)(_h5)?|[-_.]filtered)\.h5/
}

def isMatrixFolder(String name) {
    name ==~ /.*(feature_bc_matrix|gene_bc_matrices)(_h5)?/
}

def isContigs(String name) {
    name ==~ /.*(filtered_contig_annotations\.csv|airr_rearrangement\.tsv|all_contig_annotations\.csv)(\.gz)?/ ||
        name ==~ /.*(filtered_contig_dandelion|Dominant_Contigs_AIRR|barcode_airr)\.tsv(\.gz)?/
}

/** One of the three files of a matrix, with or without a prefix. */
def isPart(String name) {
    name ==~ /(.*[_.-])?(matrix\.mtx|(barcodes|features|genes)\.tsv)(\.gz)?/
}

def isJudged(String name) {
    isMatrix(name) || isContigs(name) || isPart(name) || name == 'metrics_summary.csv'
}

/** A folder's entries; links whose target is gone are skipped. */
def entriesOf(Path folder) {
    folder.listFiles().sort().findAll { entry -> entry.exists() }
}

/** Files of matrices beside a path whose names begin as its own: one of the three, or what stands before their names. */
def companions(Path path) {
    def start = path.name - ~/(matrix\.mtx|(barcodes|features|genes)\.tsv)(\.gz)?$/
    def folder = path.parent
    if ((path.exists() && start == path.name) || !folder?.isDirectory() || !readable(folder)) {
        return []
    }
    entriesOf(folder).findAll { entry -> isPart(entry.name) && entry.name.startsWith(start) }
}

/** What is judged below a folder, at most `depth` levels down, and the folders on the way. */
def below(Path folder, int depth) {
    entriesOf(folder).collectMany { entry ->
        if (!entry.isDirectory()) {
            return isJudged(entry.name) ? [entry] : []
        }
        def looked = depth > 1 && readable(entry)
        def judged = looked ? below(entry, depth - 1) : []
        // An empty folder of a matrix, or one too deep to look into, is judged by its name; not so one that holds other things.
        def others = !judged && looked && isMatrixFolder(entry.name) ? entriesOf(entry) : []
        judged || isMatrixFolder(entry.name) ? [entry] + judged + others : []
    }
}

/** What is judged below a folder; where that is not what its columns want, its entries too: the message lists them. */
def listing(Path folder, Set columns) {
    // 5 levels: run/outs/per_sample_outs/<sample>/count/<matrix>, from the run's folder.
    def judged = below(folder, 5)
    def usable = judged.findAll { entry -> !(entry.toString().drop(folder.toString().size()) =~ /raw/) }.collect { entry -> entry.name }
    def parts = usable.collect { name -> name - ~/\.gz$/ - ~/^.*[_.-](?=(matrix\.mtx|(barcodes|features|genes)\.tsv)$)/ }
    def whole = parts.containsAll(['matrix.mtx', 'barcodes.tsv']) && parts.intersect(['features.tsv', 'genes.tsv'])
    def matrix = whole || usable.any { name -> isMatrix(name) } || !columns.intersect(['gex', 'outs'])
    def contigs = usable.any { name -> isContigs(name) } || !columns.intersect(['vdj_b', 'vdj_t', 'vdj_t_gd'])
    matrix && contigs ? judged : (judged + entriesOf(folder)).unique()
}

/** Cell Ranger's metrics beside a file: in its folder (count) or in the one above (multi). */
def metricsBeside(Path path) {
    [path.parent, path.parent?.parent]
        .findAll { folder -> folder }
        .collect { folder -> folder.resolve('metrics_summary.csv') }
        .findAll { metrics -> metrics.exists() }
}

/** Tab-separated: written (as in the sheet), path, kind, size; a row per existing path, and per entry of a folder. */
def inventory(Path samplesheet, Path specification) {
    def folder = samplesheet.toAbsolutePath().parent
    def rows = writtenPaths(samplesheet, specification).collectMany { written, columns ->
        def path = resolved(written, folder)
        def beside = path.isDirectory() ? [] : companions(path)
        def others = !path.isDirectory() ? beside + metricsBeside(path) : readable(path) ? listing(path, columns) : []
        (path.exists() ? [path] + others : beside ? [path] + beside : []).collect { entry ->
            def kind = !entry.exists() ? 'prefix' : !readable(entry) ? 'unreadable' : entry.isDirectory() ? 'folder' : 'file'
            [written, entry.toUriString(), kind, kind in ['folder', 'prefix'] ? 0 : entry.size()].join('\t')
        }
    }
    (['written\tpath\tkind\tsize'] + rows).join('\n') + '\n'
}
