/** Two tests of a room's workflow, as of a process in Step: `values` gives its inputs as code, `of` names files of a whole run. */
class Room {
    static void tests(suite, String profile, Closure values, Closure facts) {
        ['stub', profile].each { run ->
            suite.test(run) {
                tag run == 'stub' ? 'stub' : 'data'
                options run == 'stub' ? '-stub' : ''
                when { workflow { values.call { reference -> Case.code(run, reference) } } }
                then {
                    assert workflow.success
                    def results = new File(launchDir, 'results')
                    // The last room has no outputs but what it publishes.
                    assert snapshot(Facts.names(workflow.out) ?: [published: Whole.published(results)]).match()
                    if (run != 'stub') {
                        facts.delegate = new Facts(results: results)
                        facts.call(workflow.out)
                    }
                }
            }
        }
    }
}
