// The tables of assets/, or the user's own in their place: one map of files that the rooms take theirs from.

include { keptByContent } from './channels'

/** The user's table by a name of ours: whatever it is called, it meets no other file of that name in a task. */
def renamed(String path, String name) {
    keptByContent(file(path).bytes, name)
}

def assetFiles(Map settings) {
    def folder = file("${projectDir}/assets")
    // A user's table stands in for ours; a user's signatures and gene lists are read beside ours.
    def ours = [
        markers: 'markers.tsv', subsets: 'subsets.tsv', lineages: 'lineages.tsv', excluded_genes: 'excluded_genes.tsv',
        interactions: 'interactions.tsv', watch_list: 'watch_list.tsv', gene_positions: 'gene_positions_hg38.tsv',
    ]
    def tables = ours.collectEntries { name, table -> [name, settings[name] ? renamed(settings[name], table) : folder.resolve(table)] }
    def fixed = [
        tables: 'tables.json', headings: 'headings.tsv', fish_words: 'fish_words.tsv', profiles: 'profiles.parquet',
        subset_rates: 'subset_rates.tsv', interferon_resting: 'interferon_resting.tsv', isg_core: 'isg_core.tsv', gene_ids: 'gene_ids.tsv',
        masked_genes: 'masked_genes.tsv', car_names: 'car_names.tsv', receptor_genes: 'receptor_genes.tsv',
        vdj_library: 'vdj_library.tsv',
        malignant_programmes: 'malignant_programmes.tsv', precursor_genes: 'precursor_genes.tsv', colours: 'colours.tsv',
        cell_columns: 'cell_columns.tsv', multiqc_config: 'multiqc_config.yml', report: 'report',
    ].collectEntries { name, table -> [name, folder.resolve(table)] }
    def mine = (ours.keySet() + ['signatures', 'gene_lists']).findAll { name -> settings[name] }
    tables + fixed + [
        own: mine.collectEntries { name -> [name, file(settings[name])] }, // what CHECK_INPUTS looks at
        gene_sets: [folder.resolve('hallmark.gmt')] + (settings.signatures ? [renamed(settings.signatures, 'own_signatures.gmt')] : []),
        gene_lists: [folder.resolve('gene_lists.tsv')] + (settings.gene_lists ? [renamed(settings.gene_lists, 'own_gene_lists.tsv')] : []),
        gtf: settings.gtf ? file(settings.gtf) : [],
        celltypist_model: settings.celltypist_model ? file(settings.celltypist_model) : [],
    ]
}
