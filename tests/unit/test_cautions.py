"""What changes may come from instead, in words: it stands with the statements that need it, and with no others."""

import _answer_moves as moves
import _answer_surroundings as surroundings
import _cautions as cautions
from _results import Case

import pandas as pd
import pytest
from helpers.report_case import said

TIMES = (("T1", "T2"), ("T2", "T3"))


@pytest.fixture
def steps(tmp_path):
    """A function: steps of a case whose changes between T1 and T2, and T2 and T3, carry these cautions."""

    def of(*words, ratio=3.0, holds=("yes", "no")):
        rows = [
            {"patient": "P1", "tissue": "", "sort": "", "level": "cell_type", "parent": "all", "label": label, "from": first, "to": last,
             "to_day": day, "caution": caution, "depth_ratio": ratio, "holds": held if "depth" in caution else ""}
            for day, ((first, last), caution) in enumerate(zip(TIMES, words, strict=True))
            for label, held in zip(("T cell", "plasma cell"), holds, strict=True)
        ]  # fmt: skip
        pd.DataFrame(rows).to_csv(tmp_path / cautions.TABLE, sep="\t", index=False)
        sheet = [
            {"sample": time, "patient": "P1", "timepoint": time, "day": day}
            for day, time in enumerate(("T1", "T2", "T3"))
        ]
        pd.DataFrame(sheet).to_csv(tmp_path / "samples.tsv", sep="\t", index=False)
        return cautions.steps_of(Case(tmp_path, "P1"))

    return of


def test_what_changed_with_time_and_what_holds_at_equal_depth(steps):
    found = steps("", "batch; depth; names")
    assert cautions.between(found, "T1", "T2") == [] and cautions.between(found, "T1", "T3") == ["batch", "depth"]
    batch, depth = map(said, cautions.remarks(found))
    assert batch == "Batch changes with time (T2 to T3): a change there is of time or of batch, which cannot be told."
    assert depth == (
        "Depth: cells at T3 have 3 times the UMIs of those at T2. Of 2 cell types whose share changes, 1 change at equal depth too; "
        "not: plasma cell."
    )
    told = cautions.of_shares(found, "cell_type", "all")
    assert told == " Changes carry the caution batch, depth. Not at equal depth: plasma cell (T2 to T3)."
    assert (
        cautions.of_shares(steps("", "names"), "cell_type", "all") == cautions.of_shares(None, "cell_type", "all") == ""
    )
    assert cautions.remarks(steps("", "names")) == [], "names are said where the name is"


def test_a_case_without_the_table_says_nothing(tmp_path):
    assert cautions.steps_of(Case(tmp_path, "P1")) is None
    assert cautions.remarks(None) == cautions.between(None, "T1", "T2") == cautions.aside([]) == []


@pytest.mark.parametrize(("sure", "told"), [(119, "119 of 160 plasma cells are named without doubt."), (150, "")])
def test_names_in_doubt_are_said_of_the_carrier(sure, told):
    rows = [("T1", 60, 60), ("T2", 100, sure - 60)]
    table = pd.DataFrame(rows, columns=["timepoint", "n", "n_min"]).assign(level="cell_type", label="plasma cell")
    assert said(cautions.names_in_doubt("plasma cell", table)) == told
    assert cautions.names_in_doubt("plasma cell", None) == []


def fates(change: str) -> pd.DataFrame:
    rows = [
        {"clone": "P1.B1", "receptor": "BCR", "timepoint": time, "day": day, "total": 50, "lineage": "plasma", "basis": "all",
         "n": 5, "share": 0.1, "low": 0.04, "high": 0.2, "fate": "persistent", "change": change}
        for day, time in enumerate(("T1", "T3"))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_clones_course_and_a_pair_end_with_their_cautions(steps):
    found = steps("", "batch")
    text = said(moves.moves("", "P1.B1", None, fates("expanded"), "P1", None, found))
    assert text.endswith("of cells with a BCR (caution: batch).")
    text = said(moves.moves("", "P1.B1", None, fates("expanded"), "P1", None, steps("", "")))
    assert text.endswith("of cells with a BCR.")
    row = {"watch": "APRIL-BCMA", "source": "NK", "target": "Plasma_1", "ligand": "TNFSF13", "receptor": "TNFRSF17", "from": "T2",
           "to": "T3", "supply_from": 0.1, "supply_to": 0.2, **dict.fromkeys(("supply_difference", "supply_low", "supply_high"), float("nan")),
           "class": "gained", "driver": "strength per cell", "rank": float("nan")}  # fmt: skip
    table = pd.DataFrame([row])
    text = said(surroundings.on_pair(table.iloc[0].to_dict(), table, None, "P1", False, ["batch"]))
    assert text.endswith("gained by strength per cell (caution: batch).")
