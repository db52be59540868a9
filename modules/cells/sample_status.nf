// Which samples pass, and why the others do not; the run stops here where no sample or no comparison is left.
process SAMPLE_STATUS {
    label 'cells'
    label 'tiny'

    input:
    path sheet
    path facts, stageAs: 'facts/*'
    path identity
    path genes, stageAs: 'genes/*' // [] where no sample is left
    val strict_identity

    output:
    path 'qc.tsv', emit: table
    path 'warnings.json', emit: warnings
    tuple val('SAMPLE_STATUS'), eval('sample_status.py --version'), emit: versions, topic: versions

    script:
    def doubting = strict_identity ? '--strict-identity' : '--no-strict-identity'
    def names = [genes].flatten().collect { table -> "--genes ${table}" }.join(' ')
    """
    # code: _cli.py _errors.py _guards.py _series.py _tables.py _words.py
    sample_status.py ${sheet} ${facts} --identity ${identity} ${names} ${doubting}
    """

    stub:
    """
    awk -F '\\t' -v OFS='\\t' 'NR == 1 { print "sample", "status" } NR > 1 { print \$1, "pass" }' ${sheet} > qc.tsv
    echo '[]' > warnings.json
    """
}
