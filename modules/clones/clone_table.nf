// What each clone is, and its cells by type, subset and time.
process CLONE_TABLE {
    tag "${meta.patient}"
    label 'patient'
    label 'clones'
    label 'tiny'

    input:
    tuple val(meta), path(labels), path(clones), path(chains)
    path lineages

    output:
    tuple val(meta), path("${meta.patient}.clones.tsv"), emit: clones
    tuple val(meta), path("${meta.patient}.clone_cells.tsv"), emit: cells
    path "${meta.patient}.clone_table_mqc.json", emit: multiqc
    tuple val('CLONE_TABLE'), eval('clone_table.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _chains.py _cli.py _clones.py _errors.py _guards.py _receptors.py _series.py _shares.py _tables.py _words.py
    clone_table.py ${clones} --patient ${meta.patient} --labels ${labels} --chains ${chains} --lineages ${lineages}
    """

    stub:
    """
    touch ${meta.patient}.clones.tsv ${meta.patient}.clone_cells.tsv ${meta.patient}.clone_table_mqc.json
    """
}
