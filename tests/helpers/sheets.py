"""Samplesheets of the real samples in tests/data."""

import csv


def write_sheet(path, rows):
    """A samplesheet with the rows' keys as columns."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        table = csv.DictWriter(lines, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def liao_rows(data, **replaced):
    """Samplesheet rows of two good lavage samples; `replaced` gives a sample other columns."""
    rows = [
        {
            "sample": sample,
            "patient": sample,
            "timepoint": "T1",
            "day": 0,
            "gex": data / "liao_covid_balf" / sample / "count" / "filtered_feature_bc_matrix.h5",
            "vdj_t": data / "liao_covid_balf" / sample / "vdj_t" / "filtered_contig_annotations.csv",
        }
        for sample in ("C146", "C149")
    ]
    return [{**row, **replaced.get(row["sample"], {})} for row in rows]


def mouse_rows(data):
    """Samplesheet rows of the two mouse spleens."""
    spleen = data / "djvdj_mouse_spleen"
    return [
        {
            "sample": sample,
            "patient": sample,
            "timepoint": "T1",
            "day": 0,
            "gex": spleen / sample / "count" / "filtered_feature_bc_matrix",
            "vdj_b": spleen / sample / "vdj_b" / "filtered_contig_annotations.csv",
        }
        for sample in ("BL6", "MD4")
    ]
