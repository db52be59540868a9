/** Tests of the whole pipeline under the profile of a test file. */
class Whole {
    /** A stub run and a run on the profile's own data: what is published, and facts about it. */
    static void tests(suite, Closure facts) {
        ['stub', 'data'].each { kind ->
            suite.test(kind) {
                tag kind
                options kind == 'stub' ? '-stub' : ''
                when { Case.simulate(new File(launchDir)) }
                then {
                    assert workflow.success
                    def results = new File(launchDir, 'results')
                    assert snapshot(Whole.published(results)).match()
                    if (kind == 'data') {
                        facts.delegate = new Facts()
                        facts.call(results)
                    }
                }
            }
        }
    }

    /** The workflow is built with the profile's settings, and no task is started. */
    static void preview(suite) {
        suite.test('preview') {
            tag 'stub'
            options '-preview'
            when { params { input = "$projectDir/tests/data/liao_covid_balf/samples.csv" } }
            then { assert workflow.success }
        }
    }

    /** Paths of all files of a run's results; drawings and MultiQC's data, one for each figure or section, as one path of their kind. */
    static List<String> published(File folder) {
        def paths = []
        folder.eachFileRecurse(groovy.io.FileType.FILES) { file -> paths << folder.toPath().relativize(file.toPath()).toString() }
        paths.collect { path -> path.replaceAll(/(?<=(figures|multiqc_report_data)\/).+(?=\.)/, '*') }.unique().sort()
    }
}
