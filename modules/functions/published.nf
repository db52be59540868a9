// What is published is what this run computed. Cached results are published again over what stands there (overwrite in
// conf/publish.config); files that an earlier run left in the same folder and this one does not make are removed at its end.

/** The file that says that a run is under way or was ended; its time is the run's start on the results' own disk. */
def unfinished(Path results) {
    results.resolve('pipeline_info/UNFINISHED.txt')
}

/** When a file came to be where it is: a hard link has the time of its making only as the time of its last change. */
def arrived(Path file) {
    def itself = java.nio.file.LinkOption.NOFOLLOW_LINKS
    'unix' in file.fileSystem.supportedFileAttributeViews()
        ? java.nio.file.Files.getAttribute(file, 'unix:ctime', itself)
        : java.nio.file.Files.getLastModifiedTime(file, itself)
}

/** All files below a folder; links are files, wherever they lead. */
def filesBelow(Path folder) {
    folder.listFiles().sort().collectMany { entry ->
        entry.isDirectory() && !java.nio.file.Files.isSymbolicLink(entry) ? filesBelow(entry) : [entry]
    }
}

/** Names, below the results' folder, of the files that arrived there since the run began. */
def publishedSince(Path results, begun) {
    ['cells', 'clones', 'signals', 'tumour', 'report']
        .collect { room -> results.resolve(room) }
        .findAll { folder -> folder.isDirectory() }
        .collectMany { folder -> filesBelow(folder) }
        .findAll { entry -> arrived(entry) >= begun }
        .collect { entry -> results.relativize(entry).toString() }
}

/** Names that runs before this one published, as their list holds them. */
def publishedBefore(Path results) {
    def list = results.resolve('pipeline_info/published.txt')
    list.exists() ? list.readLines().findAll { name -> name } : []
}

/** Note that a run begins. What a run that was killed has published is listed with the rest. */
def beginPublishing(Path results) {
    def note = unfinished(results)
    def known = publishedBefore(results)
    note.parent.mkdirs()
    if (note.exists()) {
        known = (known + publishedSince(results, arrived(note))).unique()
        results.resolve('pipeline_info/published.txt').text = known.join('\n') + '\n'
        note.delete()
    }
    note.text = "The run that began at ${workflow.start} has not finished. Files in this folder may be of this run or of an " +
        "earlier one.\nRun the same command with -resume: it goes on where this one ended, and this note goes.\n"
}

/** After a run: list what it published; after a successful one remove what only earlier runs had published. */
def endPublishing(Path results, boolean success) {
    def note = unfinished(results)
    def now = publishedSince(results, arrived(note))
    def before = publishedBefore(results)
    if (success) {
        (before - now).collect { name -> results.resolve(name) }.findAll { file -> file.exists() }.each { file -> file.delete() }
        note.delete()
    }
    results.resolve('pipeline_info/published.txt').text = (success ? now : (before + now).unique()).join('\n') + '\n'
}
