// Persistent, expanded, contracted, emerging, lost or undetermined: each clone over the time points of one tissue and sort.
process FATES {
    tag "${meta.patient}"
    label 'patient'
    label 'clones'
    label 'tiny'

    input:
    tuple val(meta), path(labels), path(clones), path(table), path(samples)
    path lineages

    output:
    tuple val(meta), path("${meta.patient}.fates.tsv"), emit: fates
    tuple val(meta), path("${meta.patient}.fates.json"), emit: facts
    path "${meta.patient}.fates_mqc.json", emit: multiqc
    tuple val('FATES'), eval('fates.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _cli.py _clones.py _detection.py _errors.py _guards.py _receptors.py _series.py _shares.py _tables.py _words.py
    fates.py ${clones} --patient ${meta.patient} --samples ${samples} --labels ${labels} --table ${table} --lineages ${lineages}
    """

    stub:
    """
    touch ${meta.patient}.fates.tsv ${meta.patient}.fates_mqc.json
    echo '{}' > ${meta.patient}.fates.json
    """
}
