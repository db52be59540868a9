// Receptor chains of a patient's kept cells, over all samples: own or ambient, and chain categories as scirpy names them.
process CHAINS {
    tag "${meta.patient}"
    label 'patient'
    label 'clones'
    label 'small'

    input:
    tuple val(meta), path(labels), path(contigs, stageAs: 'contigs/*')
    path lineages
    path genes

    output:
    tuple val(meta), path("${meta.patient}.own_chains.parquet"), emit: chains
    tuple val(meta), path("${meta.patient}.pairing.parquet"), emit: pairing
    path "${meta.patient}.{chains,own_chains}_mqc.json", emit: multiqc
    tuple val('CHAINS'), eval('chains.py --version'), emit: versions, topic: versions

    script:
    """
    # code: _airr_cells.py _chains.py _cli.py _clones.py _compiled.py _errors.py _genes.py _own_chains.py _receptors.py
    # code: _tables.py
    chains.py ${contigs} --patient ${meta.patient} --labels ${labels} --lineages ${lineages} \\
        --genes ${genes}
    """

    stub:
    """
    touch ${meta.patient}.own_chains.parquet ${meta.patient}.pairing.parquet
    touch ${meta.patient}.chains_mqc.json ${meta.patient}.own_chains_mqc.json
    """
}
