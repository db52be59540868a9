include { memoryFor } from '../memory'

// FISH probes beside the single-cell shares of their arms.
process FISH {
    tag "${meta.patient}"
    label 'tumour'
    label 'tiny'
    memory { memoryFor(task, 140) }

    input:
    tuple val(meta), path(cnv)
    path fish

    output:
    tuple val(meta), path("${meta.patient}.fish.tsv"), emit: table
    path "${meta.patient}.fish_mqc.json", emit: multiqc
    tuple val('FISH'), eval('fish.py --version'), emit: versions, topic: versions

    script:
    """
    fish.py ${cnv} --patient ${meta.patient} --fish ${fish}
    """

    stub:
    """
    touch ${meta.patient}.fish.tsv ${meta.patient}.fish_mqc.json
    """
}
