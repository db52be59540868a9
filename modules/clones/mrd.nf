include { memoryFor; megabytes } from '../memory'

// Which cells carry each bulk MRD clone, over time, with reasons where none is seen.
process MRD {
    tag "${meta.patient}"
    label 'clones'
    label 'small'
    memory { memoryFor(task, 279 + 22 * megabytes([labels, clones, chains, table, matches, carriers, curve])) }

    input:
    tuple val(meta), path(labels), path(clones), path(chains), path(table), path(matches), path(carriers), path(curve)

    output:
    tuple val(meta), path("${meta.patient}.mrd.tsv"), emit: mrd
    tuple val(meta), path("${meta.patient}.mrd.json"), emit: facts
    path "${meta.patient}.mrd_mqc.json", emit: multiqc
    tuple val('MRD'), eval('mrd.py --version'), emit: versions, topic: versions

    script:
    """
    mrd_unseen.py ${matches} --patient ${meta.patient} --curve ${curve} --clones ${clones} \\
        --chains ${chains} --labels ${labels}
    mrd.py ${matches} --patient ${meta.patient} --carriers ${carriers} --unseen ${meta.patient}.mrd_unseen.tsv \\
        --curve ${curve} --clones ${clones} --table ${table} --chains ${chains} --labels ${labels}
    """

    stub:
    """
    touch ${meta.patient}.mrd.tsv ${meta.patient}.mrd_mqc.json
    echo '{}' > ${meta.patient}.mrd.json
    """
}
