// Memory of the steps whose use grows with their input: what they were seen to use (docs/executors/resources.md), in whole GB.
// All other steps have their label's memory (conf/resources.config), so that a scheduler can take them as job arrays.

/** A base in GB and so many GB per GB of input, once more at each attempt; and what the executor's own transfer of files takes. */
def memoryFor(task, Number base, Number slope, files) {
    def gigabytes = Math.ceil(base + slope * bytes(files) / 1073741824) as int
    (gigabytes * task.attempt).GB + (task.ext.staging ?: 0.MB)
}

/** Size of files, of all files below folders, of lists of both; 0 of []. */
def bytes(files) {
    [files].flatten().sum(0) { file -> sizeOf(file.toRealPath()) }
}

def sizeOf(path) {
    path.isDirectory() ? path.listFiles().sum(0) { inside -> sizeOf(inside) } : path.size()
}
