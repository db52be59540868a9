// The figures of a case: as data, as specifications for a page and a phone, as files; and the points of its maps.
process CASE_FIGURES {
    tag "${meta.patient}"
    label 'patient'
    label 'report'
    label 'small'

    input:
    tuple val(meta), path(tables, stageAs: 'tables/*') // by their names: those that the run made, and cells.parquet
    path subsets, stageAs: 'subsets/*' // <lineage>.subsets.parquet
    path colours

    output:
    tuple val(meta), path("${meta.patient}.figures.json"), path("${meta.patient}.map.json"), path("${meta.patient}.charts.json"), emit: figures
    path 'figures/*'
    tuple val('CASE_FIGURES'), eval('case_figures.py --version'), emit: versions, topic: versions

    script:
    def layouts = subsets ? '--subsets subsets' : ''
    """
    # code: _car_words.py _cautions.py _chart_bars.py _chart_curves.py _chart_grids.py _chart_keys.py _chart_scenes.py
    # code: _chart_style.py _cli.py _errors.py _figure_cells.py _figure_course.py _figure_map.py _figure_niche.py
    # code: _figure_summary.py _figure_tumour.py _guards.py _receptors.py _results.py _series.py _shares.py _statements.py
    # code: _tables.py _times.py _vega.py _words.py
    case_figures.py tables --patient ${meta.patient} --colours ${colours} ${layouts}
    """

    stub:
    """
    mkdir figures
    echo '[]' > ${meta.patient}.figures.json
    echo '{}' > ${meta.patient}.charts.json
    echo '[]' > ${meta.patient}.map.json
    touch figures/${meta.patient}.summary.svg figures/${meta.patient}.summary.pdf
    """
}
