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
                    assert snapshot(run == 'stub' ? Facts.names(workflow.out) : Facts.columns(workflow.out)).match()
                    if (run != 'stub') {
                        facts.delegate = new Facts()
                        facts.call(workflow.out)
                    }
                }
            }
        }
    }
}
