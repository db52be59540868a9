// Ligand-receptor pairs of a patient over time: change with bootstrap intervals over cells, and tables for people.
process COMMUNICATION_CHANGE {
    tag "${meta.patient}"
    label 'patient'
    label 'signals'
    label 'small'

    input:
    tuple val(meta), path(cells), path(scores), path(labels)
    path interactions
    path watch_list
    val comparing // map: focus, min_cells, min_share, min_fold, draws, seed

    output:
    tuple val(meta), path("${meta.patient}.communication{,_change,_focus,_pairs,_senders}.tsv"), emit: tables
    path "${meta.patient}.communication_change.parquet"
    path "${meta.patient}.communication*_mqc.json", emit: multiqc
    tuple val('COMMUNICATION_CHANGE'), eval('communication_change.py --version'), emit: versions, topic: versions

    script:
    def files = [scores].flatten().collect { file -> "--scores ${file}" }.join(' ')
    """
    # code: _bootstrap.py _cli.py _clones.py _communication_summary.py _detection.py _errors.py _pairs.py _series.py _shares.py
    # code: _tables.py _times.py _words.py
    communication_change.py ${cells} ${files} --patient ${meta.patient} --labels ${labels} \\
        --interactions ${interactions} --watch-list ${watch_list} --focus '${comparing.focus}' \\
        --min-cells ${comparing.min_cells} --min-share ${comparing.min_share} --min-fold ${comparing.min_fold} \\
        --draws ${comparing.draws} --seed ${comparing.seed}
    """

    stub:
    """
    touch ${meta.patient}.communication.tsv ${meta.patient}.communication_{change,focus,pairs,senders}.tsv
    touch ${meta.patient}.communication_change.parquet ${meta.patient}.communication{,_change}_mqc.json
    """
}
