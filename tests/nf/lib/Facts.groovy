import groovy.json.JsonSlurper

/** What the files of output channels hold. */
class Facts {
    /** Folder of what a room or the pipeline published. */
    File results

    /** Channel: its files; `published` are those of channels without a name, which no other step reads. */
    static Map files(out) {
        def named = out.findAll { name, _items -> !name.isInteger() }
        def unnamed = out.findAll { name, items -> name.isInteger() && !named.containsValue(items) }
        def channels = named.findAll { name, _items -> name != 'versions' } + (unnamed ? [published: unnamed.values()] : [:])
        new TreeMap(channels.collectEntries { name, items -> [name, paths(items)] })
    }

    /** Files that a process publishes and no other reads. */
    List<String> published(out) {
        files(out).published
    }

    /** In the order of their names: the folders before them are named by hashes that differ between machines. */
    private static List<String> paths(items) {
        [items].flatten()*.toString().findAll { item -> item.startsWith('/') }.sort { path -> new File(path).name }
    }

    /** Channel: names of its files, in a line. */
    static Map names(out) {
        files(out).collectEntries { name, paths -> [name, paths.collect { path -> new File(path).name }.unique().join(' ')] }
    }

    /** Channel: each file and, of a table, its columns, in a line. Files of several samples or patients that hold the same are one line. */
    static Map columns(out) {
        def known = described(files(out).values().flatten())
        files(out).collectEntries { name, paths ->
            def alike = paths.groupBy { path -> known[path].columns }
            [name, alike.collect { columns, same -> same.collect { path -> new File(path).name }.unique().join(' ') + (columns ? ": $columns" : '') }]
        }
    }

    private static Map described(List<String> paths) {
        paths ? new JsonSlurper().parseText(Case.execute(Case.PROJECT, 'python', 'tests/nf/describe.py', *paths)) : [:]
    }

    /** Rows of the channel's table or matrix; where it holds several files, of the one whose name ends so. */
    int count(items, String name = '') {
        described([one(items, name)]).values()[0].rows
    }

    /** Rows of a tab-separated table, as maps. */
    List<Map> rows(items, String name = '') {
        def lines = new File(one(items, name)).readLines()*.split(/\t/, -1)
        lines.tail().collect { row -> [lines[0].toList(), row.toList()].transpose().collectEntries() }
    }

    def json(items, String name = '') {
        new JsonSlurper().parse(new File(one(items, name)))
    }

    String text(items, String name = '') {
        new File(one(items, name)).text
    }

    private static String one(items, String name) {
        def path = paths(items).find { path -> path.endsWith(name) }
        assert path : "no file of a name that ends with '$name' in $items"
        path
    }
}
