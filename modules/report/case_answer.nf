// The answer of a case as statements, each number with the table it comes from.
process CASE_ANSWER {
    tag "${meta.patient}"
    label 'patient'
    label 'report'
    label 'tiny'

    input:
    tuple val(meta), path(tables, stageAs: 'tables/*') // by their names: those that the run made, and cells.parquet

    output:
    tuple val(meta), path("${meta.patient}.answer.json"), emit: answer
    tuple val('CASE_ANSWER'), eval('case_answer.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _answer_carriers.py _answer_moves.py _answer_precursors.py _answer_surroundings.py _cautions.py _cli.py _errors.py
    # code: _guards.py _receptors.py _results.py _series.py _shares.py _statements.py _tables.py _times.py _words.py
    case_answer.py tables --patient ${meta.patient}
    """

    stub:
    """
    echo '{}' > ${meta.patient}.answer.json
    """
}
