// Ligand-receptor pairs of a patient over time: change with bootstrap intervals over cells, and tables for people.
process COMMUNICATION_CHANGE {
    tag "${meta.patient}"
    label 'patient'
    label 'signals'
    label 'small'

    input:
    tuple val(meta), path(cells), path(scores), path(labels), path(clones), path(carriers)
    path interactions
    path watch_list
    path lineages
    val comparing // map: focus (or null), min_cells, min_share, min_fold, draws, seed

    output:
    tuple val(meta), path("${meta.patient}.communication{,_change,_focus,_pairs,_senders}.tsv"), emit: tables
    tuple val(meta), path("${meta.patient}.focus.json"), emit: facts
    path "${meta.patient}.communication_change.parquet"
    path "${meta.patient}.communication*_mqc.json", emit: multiqc
    tuple val('COMMUNICATION_CHANGE'), eval('communication_change.py --version'), emit: versions, topic: versions

    script:
    def files = [scores].flatten().collect { file -> "--scores ${file}" }.join(' ')
    def receivers = comparing.focus ? "--focus '${comparing.focus}'" : ''
    def of_clones = (clones ? "--clones ${clones}" : '') + (carriers ? " --carriers ${carriers}" : '')
    """
    # code: _bootstrap.py _cli.py _clones.py _communication_summary.py _detection.py _errors.py _evidence.py _focus.py
    # code: _group_levels.py _guards.py _matrices.py _pairs.py _receptors.py _series.py _shares.py _tables.py _times.py _words.py
    communication_change.py ${cells} ${files} --patient ${meta.patient} --labels ${labels} \\
        --interactions ${interactions} --watch-list ${watch_list} --lineages ${lineages} ${of_clones} ${receivers} \\
        --min-cells ${comparing.min_cells} --min-share ${comparing.min_share} --min-fold ${comparing.min_fold} \\
        --draws ${comparing.draws} --seed ${comparing.seed}
    """

    stub:
    """
    touch ${meta.patient}.communication.tsv ${meta.patient}.communication_{change,focus,pairs,senders}.tsv
    echo '{"groups": [], "text": "Receivers of a stub run"}' > ${meta.patient}.focus.json
    touch ${meta.patient}.communication_change.parquet ${meta.patient}.communication{,_change}_mqc.json
    """
}
