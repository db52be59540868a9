// FISH probes next to the single-cell shares of their arms.
process FISH {
    tag "${meta.patient}"
    label 'patient'
    label 'tumour'
    label 'tiny'

    input:
    tuple val(meta), path(cnv), path(fish)
    path words

    output:
    tuple val(meta), path("${meta.patient}.fish.tsv"), emit: table
    path "${meta.patient}.fish_mqc.json", emit: multiqc
    tuple val('FISH'), eval('fish.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _cli.py _errors.py _fish_places.py _fish_text.py _fish_words.py _tables.py
    fish.py ${cnv} --patient ${meta.patient} --fish ${fish} --words ${words}
    """

    stub:
    """
    touch ${meta.patient}.fish.tsv ${meta.patient}.fish_mqc.json
    """
}
