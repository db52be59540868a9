/** Two tests of a process: as a stub, and on what a whole run under `profile` had for it. */
class Step {
    static void tests(suite, String profile, List inputs, Closure facts) {
        suite.test('stub') {
            tag 'stub'
            options '-stub'
            when { process { Case.inputs('stub', inputs) } }
            then {
                assert process.success
                assert snapshot(Facts.names(process.out)).match()
            }
        }
        suite.test(profile) {
            tag 'data'
            when { process { Case.inputs(profile, inputs) } }
            then {
                assert process.success
                assert snapshot(Facts.columns(process.out)).match()
                facts.delegate = new Facts()
                facts.call(process.out)
            }
        }
    }
}
