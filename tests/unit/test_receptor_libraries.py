"""Which samples have which V(D)J library."""

import _receptors

import pandas as pd


def test_samples_have_the_libraries_whose_files_the_sheet_names():
    sheet = pd.DataFrame({"sample": ["A", "B"], "vdj_b": ["b.csv", ""], "vdj_t": [None, "t.csv"]})
    assert _receptors.samples_with("BCR", sheet) == {"A"} and _receptors.samples_with("TCR", sheet) == {"B"}
    assert _receptors.samples_with("BCR", sheet[["sample"]]) == frozenset()
