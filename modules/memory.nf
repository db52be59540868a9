// What a task asks for: what such tasks were seen to use, by the size of what they read (docs/executors/resources.md).

/** So many MB, once more at each attempt; and what the executor's own transfer of files takes beside them. */
def memoryFor(task, Number megabytes) {
    (megabytes * task.attempt).intValue().MB + (task.ext.staging ?: 0.MB)
}

/** Size of files, of all files below folders, of lists of both; 0 of []. */
def megabytes(files) {
    [files].flatten().sum(0) { file -> bytes(file.toRealPath()) } / 1048576
}

def bytes(place) {
    place.isDirectory() ? place.listFiles().sum(0) { inside -> bytes(inside) } : place.size()
}
