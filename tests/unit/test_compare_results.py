"""Every kind of difference between two result folders is seen; dates of pages are none."""

import json
import shutil

import anndata
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from compare_results import differences, main


@pytest.fixture
def runs(tmp_path):
    """Two folders with the same results."""
    one = tmp_path / "one"
    (one / "cells").mkdir(parents=True)
    (one / "pipeline_info").mkdir()
    table = pd.DataFrame({"cell_id": ["a:A", "a:C"], "score": [0.5, np.nan], "type": ["B", None]})
    table.to_parquet(one / "cells" / "labels.parquet")
    table.to_csv(one / "cells" / "labels.tsv", sep="\t", index=False)
    (one / "cells" / "facts.json").write_text(json.dumps({"cells": 2, "share": 0.5}))
    (one / "page.html").write_text("made on Monday")
    (one / "pipeline_info" / "trace.tsv").write_text("duration\n5s\n")
    counts = anndata.AnnData(np.arange(6, dtype=np.float32).reshape(2, 3), uns={"note": "counts"})
    counts.write_h5ad(one / "cells.h5ad")
    other = tmp_path / "other"
    shutil.copytree(one, other)
    return one, other


def test_a_copy_is_the_same(runs):
    assert differences(*runs) == []
    result = CliRunner().invoke(main, [str(folder) for folder in runs])
    assert result.exit_code == 0 and result.output == "6 files, no difference\n"


def test_dates_and_times_are_no_difference(runs):
    (runs[1] / "page.html").write_text("made on Tuesday")
    (runs[1] / "pipeline_info" / "trace.tsv").write_text("duration\n6s\n")
    assert differences(*runs) == []


def test_a_file_of_one_run_only_is_named(runs):
    (runs[0] / "page.html").unlink()
    (runs[1] / "cells" / "facts.json").unlink()
    assert differences(*runs) == [f"cells/facts.json: only in {runs[0]}", f"page.html: only in {runs[1]}"]


def test_a_line_of_a_table_is_named(runs):
    path = runs[1] / "cells" / "labels.tsv"
    path.write_text(path.read_text().replace("0.5", "0.6"))
    (found,) = differences(*runs)
    assert found.startswith("cells/labels.tsv: line 2:") and "0.6" in found


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.assign(score=[np.nextafter(0.5, 1), np.nan]),
        lambda table: table.assign(type=["B", "T"]),
        lambda table: table.astype({"score": "float32"}),
        lambda table: table.iloc[::-1].reset_index(drop=True),
        lambda table: table.drop(columns="type"),
    ],
)
def test_any_cell_type_or_order_of_a_parquet_table_counts(runs, change):
    path = runs[1] / "cells" / "labels.parquet"
    change(pd.read_parquet(path)).to_parquet(path)
    (found,) = differences(*runs)
    assert found.startswith("cells/labels.parquet: ")


def test_parquet_compression_is_no_difference(runs):
    path = runs[1] / "cells" / "labels.parquet"
    pd.read_parquet(path).to_parquet(path, compression="gzip")
    assert differences(*runs) == []


def test_json_is_compared_by_what_it_says(runs):
    path = runs[1] / "cells" / "facts.json"
    path.write_text(json.dumps({"share": 0.5, "cells": 2}, indent=4))
    assert differences(*runs) == []
    path.write_text(json.dumps({"share": 0.5, "cells": 3}))
    assert differences(*runs) == ["cells/facts.json: differs in cells"]


def test_objects_are_compared_array_by_array(runs):
    path = runs[1] / "cells.h5ad"
    counts = anndata.read_h5ad(path)
    counts.write_h5ad(path, compression="gzip")
    assert differences(*runs) == []
    counts.X[1, 2] += 1
    counts.write_h5ad(path)
    assert differences(*runs) == ["cells.h5ad: X: values differ"]
    del counts.uns["note"]
    counts.write_h5ad(path)
    assert differences(*runs) == ["cells.h5ad: only in one: uns/note"]


def test_a_difference_is_an_error_of_the_command(runs):
    (runs[1] / "page.html").unlink()
    result = CliRunner().invoke(main, [str(folder) for folder in runs])
    assert result.exit_code == 1 and "page.html: only in" in result.output
