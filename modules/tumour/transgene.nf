// Cells that express the CAR, told from ambient RNA.
process TRANSGENE {
    tag "${meta.sample}"
    label 'sample'
    label 'tumour'
    label 'tiny'

    input:
    tuple val(meta), path(labels), path(clones), path(samples), path(cells), path(ambient)
    // samples: the patient's rows of samples.tsv; ambient: files of AMBIENT, [] where it failed
    path lineages
    val car // names or patterns, separated by commas; '' looks for common names
    path names

    output:
    tuple val(meta), path("${meta.sample}.car.{json,tsv,parquet}"), emit: results
    tuple val('TRANSGENE'), eval('transgene.py --version'), emit: versions, topic: versions

    script:
    def wanted = car.tokenize(',').collect { name -> "--car '${name.trim()}'" }.join(' ')
    def soup = ambient ? "--ambient ${meta.sample}.ambient.json" : ''
    """
    # code: _ambient.py _car_ambient.py _car_calls.py _cli.py _errors.py _matrices.py _receptors.py _shares.py _tables.py
    transgene.py ${cells} --sample ${meta.sample} --samples ${samples} --labels ${labels} --clones ${clones} \\
        --lineages ${lineages} --names ${names} ${wanted} ${soup}
    """

    stub:
    """
    touch ${meta.sample}.car.json ${meta.sample}.car.tsv ${meta.sample}.car.parquet
    """
}
