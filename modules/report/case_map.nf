include { memoryFor; megabytes } from '../memory'

// Points of a case's UMAPs with their colourings.
process CASE_MAP {
    tag "${meta.patient}"
    label 'report'
    label 'small'
    memory { memoryFor(task, 176 + 24 * megabytes([cells, subsets])) }

    input:
    tuple val(meta), path(cells)
    path subsets, stageAs: 'subsets/*' // <lineage>.subsets.parquet
    path colours

    output:
    tuple val(meta), path("${meta.patient}.map.json"), emit: maps
    tuple val('CASE_MAP'), eval('case_map.py --version'), emit: versions, topic: versions

    script:
    """
    mkdir -p subsets
    case_map.py ${cells} --patient ${meta.patient} --colours ${colours} --subsets subsets
    """

    stub:
    """
    echo '[]' > ${meta.patient}.map.json
    """
}
