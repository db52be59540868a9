#!/usr/bin/env python3
"""What MultiQC shows of a run: the data of its sections, and the warnings for the top of the page.

Sections are MultiQC's custom content; their titles, descriptions and the formats of columns are in assets/multiqc_config.yml.
"""

import base64
import io
from html import escape

# Okabe and Ito's palette: told apart by people with any colour vision.
COLOURS = ("#E69F00", "#56B4E9", "#CC79A7", "#F0E442", "#D55E00", "#0072B2", "#999999", "#000000")
KEPT, PASSED, FAILED = "#009E73", "#0072B2", "#D55E00"
# Column of the per-cell table, axis, logarithmic, thresholds that are drawn.
METRICS = (
    ("n_umi", "UMI per cell", True, ("min_umi",)),
    ("n_genes", "genes per cell", True, ("min_genes", "max_genes")),
    ("pct_mito", "mitochondrial UMI (%)", False, ("max_mito",)),
    ("pct_hb", "haemoglobin UMI (%)", False, ("max_hb",)),
)
CELLRANGER = ("mean reads per cell", "sequencing saturation", "fraction reads in cells")
REASONS = {"low_umi": "too few UMIs", "low_genes": "too few genes", "high_genes": "too many genes"}
REASONS |= {"high_mito": "mitochondrial UMI", "high_hb": "haemoglobin UMI", "doublet": "doublet"}
ALERTS = {"error": ("danger", "Left out"), "warning": ("warning", "Warning"), "note": ("info", "Note")}
SHOWN = 20  # warnings above this number are folded
BINS = 120
ALTERNATIVE = "UMI, genes, mitochondrial and haemoglobin share of the cells of each sample; medians are in cells/qc.tsv"
# MultiQC greets its reader with a film from the web; this page speaks of the run alone.
STYLE = "<style>#mqc_welcome { display: none !important }</style>"


def comment(rows: list[dict], warnings: list[dict], failures: list[dict]) -> str:
    """HTML for the top of the page: failed steps, how many samples passed, every warning, the most severe first, and folded notes."""
    lost = "".join(
        f'<div><span class="badge text-bg-danger">Failed</span> <strong>{escape(row["step"])} of {escape(row["of"])}</strong>: '
        f"{escape(row['reason'])} Its results are missing.</div>"
        for row in failures
    )
    items, notes = [], []
    for warning in warnings:
        colour, word = ALERTS[warning["level"]]
        who, text, step = (escape(str(warning[name])) for name in ("sample", "text", "step"))
        badge = f'<span class="badge text-bg-{colour}">{word}</span>'
        line = f"<div>{badge} <strong>{who}</strong>: {text} <small>({step})</small></div>"
        (notes if warning["level"] == "note" else items).append(line)
    passed = sum(row["status"] == "pass" for row in rows)
    head = f"{passed} of {len(rows)} samples passed" + (":" if items else ", without warnings.")
    folded = "".join(
        f"<details><summary>{len(lines)} {name}</summary>{''.join(lines)}</details>"
        for lines, name in ((items[SHOWN:], "more"), (notes, "note" + "s" * (len(notes) > 1)))
        if lines
    )
    return f"{STYLE}{lost}<div><strong>{head}</strong></div>{''.join(items[:SHOWN])}{folded}"


def percent(part: object, whole: object) -> float | None:
    """100 * part / whole; None where either is missing or there is nothing to be part of."""
    return 100 * float(part) / float(whole) if whole and part is not None else None


def general_table(rows: list[dict], reads: dict[str, dict], quality: dict[str, dict]) -> dict:
    """The general statistics; a column is shown where at least one sample has a value."""
    whole = {"format": "{:,.0f}", "scale": "Blues"}
    share = {"suffix": " %", "format": "{:,.1f}", "min": 0, "max": 100, "scale": "Blues"}
    columns = [
        ("cells_before", "Cells", "Cells that Cell Ranger called", whole),
        ("cells_after", "Kept", "Cells that passed quality control", whole),
        ("kept_pct", "% kept", "Share of the cells that passed", share),
        ("mouse_cells", "Mouse cells", "Cells of mouse in a human-mouse reference: left out", whole),
        ("median_umi", "UMI", "Median UMI of all cells", whole),
        ("median_genes", "Genes", "Median genes of all cells", whole),
        ("median_pct_mito", "% mito", "Median mitochondrial share of the UMI of all cells", share),
        (
            "contamination_pct",
            "% ambient",
            "Share of the kept cells' UMI that is ambient RNA; none where it cannot be told",
            share,
        ),
        ("doublet_pct", "% doublets", "Cells called doublets, of those within the thresholds", share),
    ]
    for name in ("bcr", "tcr"):
        text = name.upper()
        columns.append((f"{name}_pct", f"% {text}", f"Kept cells with a {text}", share))
        found = f"Cells of the {text} library that are in the matrix (of the smaller number)"
        columns.append((f"{name}_overlap", f"{text} found", found, share))
    for metric in CELLRANGER:
        style = whole if metric.startswith("mean") else share
        columns.append((metric, metric.capitalize(), f"Cell Ranger: {metric}", style))
    data = {}
    for row in rows:
        read, facts = reads.get(row["sample"], {}), quality.get(row["sample"], {})
        has, doublets, kept = facts.get("receptors", {}), facts.get("doublets", {}), facts.get("cells_after")
        metrics = {key.lower(): value for key, value in read.get("cellranger", {}).items()}
        values = {key: row.get(key) for key in ("cells_before", "cells_after", "mouse_cells")}
        values |= {key: row.get(key) for key in ("median_umi", "median_genes", "median_pct_mito")}
        values |= {"contamination_pct": percent(row.get("contamination") or None, 1)}
        values |= {"kept_pct": percent(kept, facts.get("cells_before"))}
        values |= {"doublet_pct": percent(doublets.get("doublet"), doublets.get("scored"))}
        for name in ("bcr", "tcr"):
            overlap = read.get("overlap", {}).get(name.upper())
            if overlap:
                values |= {f"{name}_pct": percent(has.get(f"{name}_cells_kept"), kept)}
                values |= {f"{name}_overlap": percent(overlap["share"], 1)}
        values |= {metric: metrics.get(metric) for metric in CELLRANGER}
        known = {key: float(value) for key, value in values.items() if value not in (None, "")}
        if known:
            data[escape(row["sample"])] = known
    used = {key for values in data.values() for key in values}
    headers = {key: {"title": title, "description": text} | style for key, title, text, style in columns if key in used}
    return {"id": "clonewatch_general", "plot_type": "generalstats", "headers": [headers], "data": data}


def sample_table(rows: list[dict]) -> dict:
    """Every sample of the sheet, in its order, with the reason of a failure and the evidence of identity."""
    shown = ("patient", "timepoint", "day", "status", "reason", "libraries", "quality", "species", "sex", "identity")
    data = {}
    for row in rows:
        data[escape(row["sample"])] = {key: escape(row.get(key) or "") for key in (*shown, "identity_reason")}
        if row.get("reason") and row["reason"] == row.get("identity_reason"):
            data[escape(row["sample"])]["reason"] = "identity: see the evidence"
    return {"id": "samples", "plot_type": "table", "data": data}


def funnel(quality: dict[str, dict], order: list[str]) -> dict:
    """Every cell once: kept, or under the first reason for its exclusion."""
    data, reasons = {}, {}
    for name in (name for name in order if quality.get(name, {}).get("funnel")):
        counts = {step["reason"]: step["first"] for step in quality[name]["funnel"] if step["first"]}
        data[escape(name)] = {"kept": quality[name]["cells_after"]} | {escape(key): n for key, n in counts.items()}
        reasons |= dict.fromkeys(step["reason"] for step in quality[name]["funnel"])
    categories = {"kept": {"name": "kept", "color": KEPT}}
    for i, reason in enumerate(reasons):
        words = REASONS.get(reason, reason)
        categories[escape(reason)] = {"name": escape(words), "color": COLOURS[i % len(COLOURS)]}
    return {"id": "funnel", "plot_type": "bargraph", "categories": categories, "data": data}


def heat_map(pairs: list[dict], order: list[str]) -> dict:
    """Per cent of each receptor library's cells (rows) that are among the cells of each sample (columns)."""
    pairs = [row for row in pairs if row["library"] in ("BCR", "TCR") and row["share"]]
    shares = {(row["sample"], row["library"], row["other"]): round(100 * float(row["share"]), 1) for row in pairs}
    columns = [name for name in order if any(key[2] == name for key in shares)]
    libraries = {key[:2] for key in shares}
    lines = [(name, kind) for name in order for kind in ("BCR", "TCR") if (name, kind) in libraries]
    names = {"xcats": [escape(name) for name in columns], "ycats": [escape(" ".join(line)) for line in lines]}
    data = [[shares.get((*line, name)) for name in columns] for line in lines]
    return {"id": "identity", "plot_type": "heatmap", "data": data} | names


def cellranger_table(reads: dict[str, dict], order: list[str]) -> dict:
    """Metrics of Cell Ranger's own summaries as they were given: rows are metrics, columns samples."""
    data: dict[str, dict[str, str]] = {}
    for name in (name for name in order if reads.get(name, {}).get("cellranger")):
        for metric, value in reads[name]["cellranger"].items():
            text = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
            data.setdefault(escape(metric), {})[escape(name)] = text
    headers = {name: {"title": name, "scale": False} for values in data.values() for name in values}
    return {"id": "cellranger", "plot_type": "table", "headers": headers, "data": data}


def shape(values, low: float, high: float):
    """(grid, density): a smoothed histogram of all values, 120 bins from low to high, its highest point 1."""
    import numpy as np

    counts, edges = np.histogram(np.clip(values, low, high), bins=BINS, range=(low, high))
    kernel = np.exp(-0.5 * (np.arange(-6, 7) / 2) ** 2)
    density = np.convolve(counts, kernel, mode="same")
    return (edges[:-1] + edges[1:]) / 2, density / max(density.max(), 1)


def draw(axis, metric: tuple, groups: dict, facts: dict[str, dict]) -> None:
    """One metric: a violin per sample over all its cells, its median, its thresholds as dashed lines."""
    import numpy as np

    column, label, log, limits = metric
    drawn = {name: [facts[name].get("thresholds", {}).get(limit) for limit in limits] for name in groups}
    drawn = {name: [limit for limit in found if limit] for name, found in drawn.items()}
    top = max(max(table[column].max(), 1.2 * max(drawn[name], default=1)) for name, table in groups.items())
    high = np.log10(top) if log else min(top, 100)
    for y, (name, table) in enumerate(groups.items()):
        values = table[column].to_numpy(float)
        x, width = shape(np.log10(np.maximum(values, 1)) if log else values, 0, high)
        colour = FAILED if facts[name].get("status") == "failed" else PASSED
        axis.fill_between(10**x if log else x, y - 0.42 * width, y + 0.42 * width, color=colour, linewidth=0)
        axis.plot(np.median(values), y, "o", color="white", markeredgecolor="black", markersize=5)
        axis.vlines(drawn[name], y - 0.46, y + 0.46, color="black", linewidth=1.8, linestyle=(0, (2, 1)))
    axis.set_xscale("log" if log else "linear")
    axis.set_xlabel(label)
    axis.grid(axis="x", color="#DDDDDD")
    axis.set_axisbelow(True)
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "left", "right"]].set_visible(False)


def violins(cells, quality: dict[str, dict], order: list[str]) -> dict:
    """The violins of all metrics as a picture that is part of the page; samples are rows."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    tables = dict(iter(cells.groupby("sample")))
    groups = {name: tables[name] for name in order if name in tables}
    if not groups:
        return {"id": "metrics", "plot_type": "html", "data": ""}
    facts = {name: quality.get(name, {}) for name in groups}
    mpl.rcParams["font.size"] = 12
    size = (14, 1.2 + 0.5 * len(groups))
    figure, axes = plt.subplots(1, len(METRICS), figsize=size, sharey=True, layout="constrained")
    for axis, metric in zip(axes, METRICS, strict=True):
        draw(axis, metric, groups, facts)
    labels = [f"{name} ({len(table):,})" for name, table in groups.items()]
    axes[0].set_yticks(range(len(groups)), labels, parse_math=False)
    axes[0].set_ylim(len(groups) - 0.4, -0.6)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110, facecolor="white", metadata={"Software": None})
    plt.close(figure)
    source = f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"
    image = f'<img src="{source}" alt="{ALTERNATIVE}" style="max-width: 100%; background: white">'
    return {"id": "metrics", "plot_type": "html", "data": image}
