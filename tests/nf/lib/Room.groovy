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
                    def out = Room.outputs(workflow)
                    assert snapshot(out ? Facts.names(out) : [published: Whole.published(results)]).match()
                    if (run != 'stub') {
                        facts.delegate = new Facts(results: results)
                        facts.call(out)
                    }
                }
            }
        }
    }

    /** Of the last room nothing: what it makes is published. nf-test calls that an error. */
    static Map outputs(workflow) {
        try {
            workflow.out
        }
        catch (RuntimeException error) {
            assert error.message.startsWith('Workflow has no output channels')
            [:]
        }
    }
}
