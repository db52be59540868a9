// The figures of a case: as data, as drawings for a page and a phone, as files; and the points of its maps.
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
    tuple val(meta), path("${meta.patient}.figures.json"), path("${meta.patient}.map.json"), emit: figures
    tuple val(meta), path('figures/*.svg'), path('narrow/*.svg'), emit: drawings
    path 'figures/*.pdf'
    tuple val('CASE_FIGURES'), eval('case_figures.py --version'), emit: versions, topic: versions

    script:
    def layouts = subsets ? '--subsets subsets' : ''
    """
    # code: _car_words.py _cautions.py _cli.py _errors.py _figure_cells.py _figure_course.py _figure_map.py _figure_niche.py
    # code: _figure_summary.py _figure_tumour.py _guards.py _layout_bars.py _layout_curves.py _layout_drawings.py _layout_grids.py
    # code: _marks.py _receptors.py _results.py _series.py _shares.py _statements.py _svg_pdf.py _tables.py _times.py _words.py
    case_figures.py tables --patient ${meta.patient} --colours ${colours} ${layouts}
    """

    stub:
    """
    mkdir figures narrow
    echo '[]' > ${meta.patient}.figures.json
    echo '[]' > ${meta.patient}.map.json
    touch figures/${meta.patient}.summary.svg figures/${meta.patient}.summary.pdf narrow/${meta.patient}.summary.svg
    """
}
