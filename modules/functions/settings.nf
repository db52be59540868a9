// From nextflow_schema.json: the text of --help, and typed, checked settings from `params`.
// Files are looked for here, so that a wrong path is reported before anything runs.
// Nextflow 26 hands over command-line values as strings; the schema's types make them numbers and booleans again.

include { readable } from './inventory'

def schemaGroups() {
    def schema = new groovy.json.JsonSlurper().parse(file("${projectDir}/nextflow_schema.json").toFile())
    schema['$defs'].values()
}

/** Every parameter of the schema, grouped, with type or choices and default. */
def helpText() {
    def groups = schemaGroups().collect { group ->
        def rows = group.properties.collect { name, property ->
            def kind = property['enum'] ? property['enum'].join('|') : property.type
            def preset = name in (group.required ?: []) ? ' (required)' : property['default'] == null ? '' : " [${property['default']}]"
            "  --${name.padRight(16)} ${kind}${preset}\n${' ' * 21}${property.description}"
        }
        "${group.title}\n${rows.join('\n')}"
    }
    "clonewatch ${workflow.manifest.version}: ${workflow.manifest.description}\n\n" +
        "  nextflow run ${projectDir} --input samples.csv --outdir results\n\n${groups.join('\n\n')}\n"
}

/** Levenshtein distance, for suggestions. */
def editDistance(String a, String b) {
    def last = a.toList().inject((0..b.size()).toList()) { above, letter ->
        (0..<b.size()).inject([above[0] + 1]) { row, j ->
            row + [[row[j] + 1, above[j + 1] + 1, above[j] + (b[j] == letter ? 0 : 1)].min()]
        }
    }
    last[-1]
}

/** [value, null] with the value in the schema's type, or [null, what is wrong with it]. */
def typedValue(String name, given, Map property) {
    def text = given.toString().trim()
    def number = text.isNumber() ? text.toBigDecimal() : null
    def low = property.minimum ?: 0
    // Nextflow's own pages of a run hold its command as HTML.
    if (text =~ /[\p{Cntrl}<>]/) {
        return [null, "--${name} holds a line break, a control character, < or >: write it without"]
    }
    if (property.type == 'boolean') {
        return text in ['true', 'false'] ? [text == 'true', null] : [null, "--${name} is true or false, not '${text}'"]
    }
    if (property.type in ['integer', 'number']) {
        def whole = property.type == 'integer'
        if (number == null || (whole && number.stripTrailingZeros().scale() > 0)) {
            return [null, "--${name} is ${whole ? 'a whole number' : 'a number'}, not '${text}'"]
        }
        if (property.containsKey('minimum') && number < low) {
            return [null, "--${name} is at least ${low}, not ${text}"]
        }
        if (property.containsKey('exclusiveMinimum') && number <= property.exclusiveMinimum) {
            return [null, "--${name} is more than ${property.exclusiveMinimum}, not ${text}"]
        }
        if (property.containsKey('maximum') && number > property.maximum) {
            return [null, "--${name} is at most ${property.maximum}, not ${text}"]
        }
        return [whole ? number.intValueExact() : number, null]
    }
    if (property['enum'] && !(text in property['enum'])) {
        return [null, "--${name} is one of ${property['enum'].join(', ')}, not '${text}'"]
    }
    if (property.pattern && !(text ==~ property.pattern)) {
        def wanted = property['default'] == null ? '' : " that the default '${property['default']}' has"
        return [null, "--${name} '${text}' is not of the form${wanted ?: ' it needs'}: ${property.description}"]
    }
    // Nextflow quotes blanks, quotation marks and brackets of a file's name for its tasks, these it hands to the shell.
    if (property.format && text =~ /[$*?\[\]{}~\\]/) {
        return [null, "--${name} ${text} holds one of \$ * ? [ ] { } ~ \\: rename the file or folder"]
    }
    if (property.format == 'file-path') {
        def place = file(text, glob: false)
        if (!place.exists()) {
            return [null, "--${name} ${text}: there is no such file"]
        }
        if (place.isDirectory() || !readable(place)) {
            return [null, "--${name} ${text} is a folder, or may not be read: give the file itself"]
        }
    }
    [text, null]
}

/** Settings in the schema's types. Stops with all unknown names, missing and wrong values at once. */
def typedSettings(Map given) {
    def groups = schemaGroups()
    def properties = groups.collectEntries { group -> group.properties }
    // Nextflow adds a camelCase twin for every --name-with-dashes.
    def twins = given.keySet().findAll { name -> name.contains('-') }.collect { name ->
        name.replaceAll(/-(\w)/) { _all, letter -> letter.toUpperCase() }
    }
    def unknown = (given.keySet() - properties.keySet() - twins).collect { name ->
        def nearest = properties.keySet().min { known -> editDistance(name.replace('-', '_').toLowerCase(), known) }
        def close = editDistance(name.replace('-', '_').toLowerCase(), nearest) <= 3
        "there is no parameter --${name}${close ? ": did you mean --${nearest}?" : ': --help lists all'}"
    }
    def missing = groups.collectMany { group -> group.required ?: [] }.findAll { name -> given[name] == null }.collect { name ->
        "--${name} is missing: ${properties[name].description}"
    }
    def checked = properties.findAll { name, _property -> given[name] != null }.collectEntries { name, property ->
        [name, typedValue(name, given[name], property)]
    }
    def problems = unknown + missing + checked.values().collect { pair -> pair[1] }.findAll { problem -> problem }
    if (problems) {
        error("${problems.size()} ${problems.size() == 1 ? 'problem' : 'problems'} with the parameters\n  ${problems.join('\n  ')}\n")
    }
    properties.collectEntries { name, _property -> [name, checked[name] ? checked[name][0] : null] }
}
