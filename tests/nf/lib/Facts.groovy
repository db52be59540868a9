import groovy.json.JsonSlurper

/** What the files of output channels hold. */
class Facts {
    /** Channel: its files. */
    static Map files(out) {
        def named = out.findAll { name, _items -> !name.isInteger() && name != 'versions' }
        new TreeMap(named.collectEntries { name, items -> [name, paths(items)] })
    }

    /** In the order of their names: the folders before them are named by hashes that differ between machines. */
    private static List<String> paths(items) {
        [items].flatten().findAll { item -> item instanceof String && item.startsWith('/') }.sort { path -> new File(path).name }
    }

    static Map names(out) {
        files(out).collectEntries { name, paths -> [name, paths.collect { path -> new File(path).name }] }
    }

    /** Channel: file: the columns of a table. */
    static Map columns(out) {
        def known = described(files(out).values().flatten())
        files(out).collectEntries { name, paths -> [name, paths.collectEntries { path -> [new File(path).name, known[path].columns] }] }
    }

    private static Map described(List<String> paths) {
        def printed = Case.execute(Case.PROJECT, 'python', 'tests/nf/describe.py', *paths)
        new JsonSlurper().parseText(printed)
    }

    /** Rows of the channel's one table or matrix. */
    int count(items) {
        described(paths(items)).values()[0].rows
    }

    /** Rows of the channel's one tab-separated table, as maps. */
    List<Map> rows(items) {
        def lines = new File(paths(items)[0]).readLines()*.split(/\t/, -1)
        lines.tail().collect { row -> [lines[0].toList(), row.toList()].transpose().collectEntries() }
    }

    def json(items) {
        new JsonSlurper().parse(new File(paths(items)[0]))
    }

    String text(items) {
        new File(paths(items)[0]).text
    }
}
