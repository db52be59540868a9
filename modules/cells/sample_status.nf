include { memoryFor } from '../memory'

// Which samples go on, and why the others do not; the run stops here where it must.
process SAMPLE_STATUS {
    label 'cells'
    label 'tiny'
    memory { memoryFor(task, 190) }

    input:
    path sheet
    path facts, stageAs: 'facts/*'
    path identity
    path genes, stageAs: 'genes/*' // [] where no sample is left
    val keep_going
    val strict_identity

    output:
    path 'qc.tsv', emit: table
    path 'warnings.json', emit: warnings
    tuple val('SAMPLE_STATUS'), eval('sample_status.py --version'), emit: versions, topic: versions

    script:
    def failing = keep_going ? '--keep-going' : '--no-keep-going'
    def doubting = strict_identity ? '--strict-identity' : '--no-strict-identity'
    def names = [genes].flatten().collect { table -> "--genes ${table}" }.join(' ')
    """
    sample_status.py ${sheet} ${facts} --identity ${identity} ${names} ${failing} ${doubting}
    """

    stub:
    """
    awk -F '\\t' -v OFS='\\t' 'NR == 1 { print "sample", "status" } NR > 1 { print \$1, "pass" }' ${sheet} > qc.tsv
    echo '[]' > warnings.json
    """
}
