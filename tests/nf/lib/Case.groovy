/**
 * Where tests take their inputs from: the task folders of a whole run of the pipeline under a demo profile.
 * Such a run is made once per start of nf-test, and resumed where it was made before.
 *
 * In a list of inputs `PROCESS/name` is a file that a task of PROCESS wrote or was given, with `*` for any part of a name;
 * `assets/..` and `tests/..` are files of the project; 'params' is the map of all parameters.
 */
class Case {
    static final File PROJECT = new File(System.getProperty('user.dir'))
    static final File HOME = new File(PROJECT, '.nf-test/cases')
    static final String SHEET = 'sample\tpatient\ttimepoint\tday\nC146\tC146\tT1\t0\nC149\tC149\tT1\t0\n'

    /** Lines `input[i] = ...` for nf-test. */
    static String inputs(String run, List values) {
        values.withIndex().collect { value, i -> "input[$i] = ${code(run, value)}" }.join('\n')
    }

    /** A value as Nextflow code, its references as files. */
    static String code(String run, value) {
        if (value == 'params') {
            return 'params'
        }
        if (value instanceof Map) {
            return value ? "[${value.collect { name, item -> "$name: ${code(run, item)}" }.join(', ')}]" : '[:]'
        }
        if (value instanceof List) {
            // Beside a meta map a pattern is one list of files; in a list of files it stands for its files.
            def tuple = value.any { item -> item instanceof Map }
            return "[${value.collectMany { item -> tuple ? [code(run, item)] : several(run, item) }.join(', ')}]"
        }
        def files = several(run, value)
        value.toString().contains('*') ? "[${files.join(', ')}]" : files[0]
    }

    private static List<String> several(String run, value) {
        if (value instanceof String && value ==~ /(assets|tests)\/.*/) {
            return ["file('$PROJECT/$value')".toString()]
        }
        if (value instanceof String && value ==~ /[A-Z_]+\/\S+/) {
            return files(run, value).collect { file -> "file('$file')".toString() }
        }
        [value instanceof Map || value instanceof List ? code(run, value) : value.inspect()]
    }

    /** What lies behind the paths of demo_real's samplesheet, as modules/functions/inventory.nf tells it. */
    static String inventory() {
        def files = ['C144', 'C146', 'C149'].collectMany { sample ->
            ["$sample/count/filtered_feature_bc_matrix.h5", "$sample/vdj_t/filtered_contig_annotations.csv"]
        }
        (['written\tpath\tkind\tsize'] + files.collect { file -> "$file\t$PROJECT/tests/data/liao_covid_balf/$file\tfile\t1" }).join('\n') + '\n'
    }

    /** Files of a run that a reference names; empty files of such names for a stub. */
    static List<File> files(String run, String reference) {
        def (process, name) = reference.split('/', 2)
        if (run == 'stub') {
            def file = new File(HOME, "stub/$process/${name.replace('*', process.toLowerCase())}")
            file.parentFile.mkdirs()
            file.text = name == 'samples.tsv' ? SHEET : ''
            return [file]
        }
        def pattern = name.split(/\*/, -1).collect { part -> java.util.regex.Pattern.quote(part) }.join('[^/]*')
        def found = folders(run, process).collectMany { folder -> below(folder).findAll { file -> "$file" ==~ /\Q$folder\E\/$pattern/ } }
        assert found : "no task of $process has $name in the run of profile $run"
        found.unique { file -> file.name }.sort { file -> file.name }
    }

    private static List<File> below(File folder) {
        folder.listFiles().collectMany { file -> [file] + (file.isDirectory() ? file.listFiles().toList() : []) }
    }

    /** Folders of a process's tasks. */
    private static List<File> folders(String run, String process) {
        def rows = new File(made(run), 'results/pipeline_info/trace.tsv').readLines()*.split(/\t/)
        def column = rows[0].toList().withIndex().collectEntries()
        rows.tail().findAll { row -> row[column.process].tokenize(':')[-1] == process && row[column.status] in ['COMPLETED', 'CACHED'] }
            .collect { row -> new File(row[column.workdir]) }
    }

    /** The launch folder of a finished run. Every test file loads this class anew: what is made is known to the whole JVM. */
    private static File made(String profile) {
        def folder = new File(HOME, profile)
        if (System.getProperty("case.$profile") == null) {
            folder.mkdirs()
            if (profile == 'demo') {
                simulate(folder)
            }
            execute(folder, 'nextflow', '-quiet', 'run', "$PROJECT", '-profile', profile, '-resume', '-ansi-log', 'false')
            System.setProperty("case.$profile", 'made')
        }
        folder
    }

    /** The patient that profile demo looks for in the launch folder. */
    static void simulate(File folder) {
        if (!new File(folder, 'case/samples.csv').exists()) {
            execute(PROJECT, 'python', 'tests/simulate_case.py', '--out', "$folder/case", '--cells', '900', '--seed', '1')
        }
    }

    /** What a command prints. */
    static String execute(File folder, String... command) {
        def process = new ProcessBuilder(command).directory(folder).redirectErrorStream(true).start()
        def printed = process.inputStream.text
        assert process.waitFor() == 0 : "${command.join(' ')}\n$printed"
        printed
    }
}
