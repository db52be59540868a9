// A patient's CAR-positive T cells over time, their clones, and the clinical copy numbers.
process CAR_KINETICS {
    tag "${meta.patient}"
    label 'patient'
    label 'tumour'
    label 'tiny'

    input:
    tuple val(meta), path(labels), path(clones), path(results, stageAs: 'results/*'), path(clinical) // or []

    output:
    tuple val(meta), path("${meta.patient}.car.tsv"), emit: table
    tuple val(meta), path("${meta.patient}.car_{change,clones,kinetics}.tsv"), emit: details
    tuple val(meta), path("${meta.patient}.car_cells.parquet"), emit: cells
    tuple val(meta), path("${meta.patient}.car.json"), emit: facts
    path "${meta.patient}.car_mqc.json", emit: multiqc
    tuple val('CAR_KINETICS'), eval('car_kinetics.py --version'), emit: versions, topic: versions

    script:
    def copies = clinical ? "--clinical ${clinical}" : ''
    """
    # code: _cli.py _clones.py _errors.py _series.py _shares.py _tables.py _words.py
    car_kinetics.py ${results} --patient ${meta.patient} --labels ${labels} --clones ${clones} ${copies}
    """

    stub:
    """
    touch ${meta.patient}.car.tsv ${meta.patient}.car_cells.parquet ${meta.patient}.car_mqc.json
    touch ${meta.patient}.car_change.tsv ${meta.patient}.car_clones.tsv ${meta.patient}.car_kinetics.tsv
    echo '{}' > ${meta.patient}.car.json
    """
}
