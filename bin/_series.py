#!/usr/bin/env python3
"""Which samples of a patient are compared over time: those of one tissue and one sort. A product is no time point.

Blood and marrow, or sorted and unsorted cells, differ in their shares whatever the disease does. So movement, fates and
composition over time are taken from one series of a patient, and other samples are named, with results of their own.
"""

import re

from _words import listed

DESIGN = ["tissue", "sort"]  # columns of the samplesheet in which compared samples agree, as they are written
# Words of a tissue that say that the cells were made or collected for treatment: docs/usage/inputs.md lists them.
PRODUCT_WORDS = r"(?i)\bproducts?\b|\b(?:leuk\w*)?apheres[ie]s\b|\binfusion bags?\b"


def is_product(tissue: str) -> bool:
    """Whether a tissue of the samplesheet is a product, such as `CAR-T product` or `leukapheresis`."""
    return re.search(PRODUCT_WORDS, tissue) is not None


def with_design(samples):
    """A table of samples, or of cells, with both columns of DESIGN as text, '' where nothing is given."""
    given = {name: samples[name].astype(object).fillna("").astype(str) if name in samples else "" for name in DESIGN}
    return samples.assign(**given)


def samples_of(cells):
    """A row per sample of a table of cells: sample, patient (where the table has it), timepoint, day, tissue, sort, cells."""
    names = [name for name in ("sample", "patient", "timepoint", "day", *DESIGN) if name in cells]
    samples = cells[names].drop_duplicates("sample").astype({name: str for name in names if name != "day"})
    samples["cells"] = samples["sample"].map(cells["sample"].astype(str).value_counts())
    return with_design(samples).reset_index(drop=True)


def with_series(samples):
    """The samples with the column `series`: `main`, `other` or `product`; a row per sample, as of samples_of.

    The main series of a patient is the tissue and sort with the most time points of which cells were kept, of several an unsorted
    one, for what was sorted for tells nothing of the rest, then the one with the most cells, then the first by day. Products are never in it, unless a patient has nothing else: then those of one day
    are, and there is nothing to compare. A table without `patient` is of one.
    """
    samples = with_design(samples)
    product = samples["tissue"].map(is_product).astype(bool)
    series = product.map({True: "product", False: "other"})
    one = {} if "patient" in samples else {"patient": ""}
    for _, rows in samples.assign(product=product, **one).groupby("patient", observed=True, sort=False):
        rows = rows[~rows["product"]] if not rows["product"].all() else rows
        keys = [*DESIGN, *(["day"] if rows["product"].all() else [])]
        sizes = []
        for key, members in rows.groupby(keys, observed=True):
            days = members.loc[members["cells"] > 0, "day"].nunique()
            is_sorted = bool(members["sort"].iloc[0])
            sizes.append((-days, is_sorted, -members["cells"].sum(), members["day"].min(), key, members.index))
        series[min(sizes, key=lambda size: size[:-1])[-1]] = "main"
    return samples.assign(series=series)


def main_series(cells):
    """Mask of the cells of each patient's main series; cells: sample, patient (where of several), timepoint, day, tissue, sort."""
    samples = with_series(samples_of(cells))
    return cells["sample"].astype(str).isin(samples.loc[samples["series"] == "main", "sample"])


def without_products(samples):
    """The rows of a table with tissue and sort that are of no product."""
    samples = with_design(samples)
    return samples[~samples["tissue"].map(is_product).astype(bool)]


def design_in_words(row) -> str:
    """`blood, CD3+CAR+` of a row's tissue and sort; '' where the samplesheet says neither."""
    words = [row[name] for name in DESIGN if name in row and isinstance(row[name], str) and row[name]]
    return ", ".join(words)


def told_apart(rows) -> list[str]:
    """Tissue and sort in words of each row of a table, '' for all where they agree in both: what a name needs to be of one series."""
    rows = with_design(rows)
    words = [design_in_words(row) for row in rows[DESIGN].to_dict("records")]
    return words if len(set(words)) > 1 else [""] * len(words)


def not_compared(samples) -> str:
    """`2 samples are not compared with bone marrow at T1 and T3: P1_T2 is blood, P1_IP is a product, no time point.`; '' where none.

    samples: of one patient, as of with_series.
    """
    main, rest = samples[samples["series"] == "main"], samples[samples["series"] != "main"]
    if rest.empty:
        return ""
    given = {name: (samples[name] != "").any() for name in DESIGN}

    def design(row: dict) -> str:
        tissue = [row["tissue"] or "of no stated tissue"] if given["tissue"] else []
        return ", ".join(tissue + ([f"sorted ({row['sort']})" if row["sort"] else "unsorted"] if given["sort"] else []))

    texts = [
        f"{row['sample']} is {design(row)}" + (" (a product, no time point)" if row["series"] == "product" else "")
        for row in rest.sort_values("day", kind="stable").to_dict("records")
    ]
    first = main.sort_values("day", kind="stable")
    times = listed(first["timepoint"].drop_duplicates())
    number = f"{len(rest)} sample{'s are' if len(rest) > 1 else ' is'}"
    return f"{number} not compared with those of {times} ({design(first.iloc[0].to_dict())}): {'; '.join(texts)}."
