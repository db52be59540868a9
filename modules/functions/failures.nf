// Steps that failed for good: what --keep_going leaves out becomes rows of a table. They are read from Nextflow's own trace.

/** What a task's own last words are: its `Error: ...`, else its last line; what comes before the command is only in its log. */
def lastWords(String workdir) {
    def lines = ['.command.err', '.command.log']
        .collect { name -> file("${workdir}/${name}") }
        .findAll { log -> workdir && log.exists() }
        .collect { log -> log.readLines().collect { line -> line.trim() }.findAll { line -> line } }
        .find { texts -> texts } ?: []
    (lines.findAll { line -> line.startsWith('Error: ') } ?: lines).takeRight(1).join().replaceFirst(/^Error: /, '').replace('\t', ' ')
}

/** A row of the trace as a row of the table of failed steps. */
def failedStep(Map row) {
    def words = lastWords(row.workdir)
    def ended = row.exit in ['1', '2'] ? words ?: 'no message' :
        "ended by the system (exit status ${row.exit}) ${row.attempt} times; out of memory or time, or killed${words ? ": ${words}" : ''}"
    [
        step: row.process.tokenize(':')[-1], of: row.tag == '-' ? 'the run' : row.tag, attempts: row.attempt, exit: row.exit,
        reason: ended, log: "${row.workdir}/.command.err",
    ]
}

/** Steps of the trace whose last attempt failed, in the order of the trace. */
def failedSteps(Path trace) {
    def lines = trace.exists() ? trace.readLines() : []
    def names = lines ? lines[0].split('\t') : []
    def rows = lines.drop(1).collect { line -> [names, line.split('\t', -1)].transpose().collectEntries { pair -> pair } }
    rows.groupBy { row -> [row.process, row.tag] }
        .collect { _key, attempts -> attempts[-1] }
        .findAll { row -> row.status in ['FAILED', 'ABORTED'] }
        .collect { row -> failedStep(row) }
}

/** The table of failed steps with these columns: a header alone where none failed. */
def failuresTable(List steps, List columns) {
    ([columns] + steps.collect { step -> columns.collect { name -> step[name] } })
        .collect { cells -> cells.join('\t') + '\n' }
        .join()
}

/** What a run says at its end: where results are, what is missing and why, how to go on. Writes the table of failed steps. */
def lastWordsOfRun(Path results, boolean whole) {
    def steps = failedSteps(results.resolve('pipeline_info/trace.tsv'))
    results.resolve('pipeline_info/failed_steps.tsv').text = failuresTable(steps, ['step', 'of', 'attempts', 'exit', 'reason', 'log'])
    def folder = results.toUriString()
    def missing = steps.collect { step -> "\n  ${step.step} of ${step.of}: ${step.reason}" }.join('')
    def places = """
        Case reports     ${folder}/report/*.case_report.html
        QC summary       ${folder}/report/multiqc_report.html
        Samples          ${folder}/cells/qc.tsv
        The run itself   ${folder}/pipeline_info
        """.stripIndent().replaceAll(/(?m)^(?=\S)/, '  ')
    def again = "Correct what is said and run the same command with -resume: what has finished is not computed again."
    whole
        ? "\nResults are in ${folder}" + places + (steps ? "\nThese steps failed, their results are missing:${missing}\n${again}\n" : '')
        : "\nThe run has not finished.${missing}\nWhat had finished is in ${folder}. ${again}\n"
}
