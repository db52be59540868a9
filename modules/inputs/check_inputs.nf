process CHECK_INPUTS {
    tag "${sheet.name}"
    label 'inputs'
    label 'tiny'

    input:
    path sheet, stageAs: 'sheet/*'
    path specification
    path headings
    path fish_words
    val reference_date
    path mrd, stageAs: 'mrd/*'
    path clinical, stageAs: 'clinical/*'
    path events, stageAs: 'events/*'
    path fish, stageAs: 'fish/*'
    path labels, stageAs: 'labels/*'
    tuple val(names), path(own, stageAs: 'own/?/*') // the user's own tables in place of those of assets/; [[], []] where there are none
    stdin // the inventory: what lies behind the paths of the sheet, which the task itself may not see

    output:
    path 'samples.tsv', emit: sheet
    path 'mrd.tsv', emit: mrd, optional: true
    path 'clinical.tsv', emit: clinical, optional: true
    path 'events.tsv', emit: events, optional: true
    path 'fish.tsv', emit: fish, optional: true
    path 'labels.tsv', emit: labels, optional: true
    path 'inputs.warnings.json', emit: warnings
    tuple val('CHECK_INPUTS'), eval('check_inputs.py --version'), emit: versions, topic: versions

    script:
    def tables = [mrd: mrd, clinical: clinical, events: events, fish: fish, labels: labels]
        .collect { name, table -> table ? "--${name} ${table}" : '' }
        .join(' ')
    def others = [names, [own].flatten()].transpose().collect { name, table -> "--asset ${name} ${table}" }.join(' ')
    def zero = reference_date ? "--reference-date ${reference_date}" : ''
    """
    # code: _cellranger_files.py _cellranger_outs.py _cli.py _errors.py _fish_places.py _fish_text.py _fish_words.py
    # code: _mrd_testable.py _user_assets.py _user_cells.py _user_days.py _user_grid.py _user_numbers.py _user_tables.py
    check_inputs.py ${sheet} ${tables} --inventory - --specification ${specification} \\
        --headings ${headings} --fish-words ${fish_words} ${others} ${zero}
    """

    // For real: it is fast, and the rest of a stub run follows what is in the sheet and the tables.
    stub:
    def tables = [mrd: mrd, clinical: clinical, events: events, fish: fish, labels: labels]
        .collect { name, table -> table ? "--${name} ${table}" : '' }
        .join(' ')
    def others = [names, [own].flatten()].transpose().collect { name, table -> "--asset ${name} ${table}" }.join(' ')
    def zero = reference_date ? "--reference-date ${reference_date}" : ''
    """
    check_inputs.py ${sheet} ${tables} --inventory - --specification ${specification} \\
        --headings ${headings} --fish-words ${fish_words} ${others} ${zero}
    """
}
