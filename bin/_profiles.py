#!/usr/bin/env python3
"""Reference profiles of cell types: what cells of a type show of a gene, and how well groups of cells agree with that.

Q profiles, G genes, T types. Rates are counts per 10,000 of all genes; NaN where a study has not measured a gene.
"""

from pathlib import Path
from typing import NamedTuple

from _errors import InputError

import numpy as np

COLUMNS = ("cell_type", "study", "label", "counts", "gene", "rate")
OFF = 0.1  # rate that cells show of genes that they do not express, soup apart
DISPERSION = 1.0  # of a type's expression between studies, tissues and chemistries: variance = mean + mean^2
EXPRESSED = 0.3  # lower rates of a profile are no proof that its cells express the gene
STRONG = 3.0  # rate of a marker of cells that no profile tells of
LEAST_GENES = 30  # for a correlation


class Profiles(NamedTuple):
    """Profiles of cell types, a study's label each."""

    cell_type: np.ndarray  # (Q,) names
    # (Q,) whether rates are of UMIs of single cells; profiles of bulk RNA only tell how alike groups are
    counted: np.ndarray
    genes: list[str]  # (G,) upper case
    rate: np.ndarray  # (Q, G)


def read_profiles(path: Path, genes: list[str] | None = None) -> Profiles:
    """The table of profiles (parquet), of its own genes and of others that are asked for."""
    import pandas as pd
    import pyarrow as pa

    try:
        table = pd.read_parquet(path, columns=list(COLUMNS))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{path.name}: no table of profiles with the columns {', '.join(COLUMNS)}") from error
    known = sorted(set(table["gene"]) | set(genes or []))
    wide = table.pivot_table(
        index=["cell_type", "study", "label", "counts"], columns="gene", values="rate", observed=True
    ).reindex(columns=known)
    of_profile = wide.index.to_frame()
    return Profiles(
        of_profile["cell_type"].astype(str).to_numpy(),
        (of_profile["counts"] == "UMI").to_numpy(),
        known,
        wide.to_numpy(float),
    )


def expressed_rates(profiles: Profiles, types: list[str]) -> np.ndarray:
    """The rate (G,) that cells of these types show of each gene: geometric mean of the profiles that express it.

    NaN where none of them does.
    """
    rate = profiles.rate[np.isin(profiles.cell_type, types) & profiles.counted]
    on = rate >= EXPRESSED  # False for NaN
    n = on.sum(0)
    logs = np.where(on, np.log(np.where(on, rate, 1)), 0).sum(0)
    return np.where(n > 0, np.exp(logs / np.maximum(n, 1)), np.nan)


def log_likelihood(counts: np.ndarray, umis: np.ndarray, soup: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Log likelihood (groups, ..., G) of counts (groups, G) where cells express at rate (..., G), NaN where that is NaN.

    umis: (groups,) counts of all genes. soup: (groups, G) counts that ambient RNA adds. Negative binomial with DISPERSION, up to a
    term of the counts alone, which is the same at any rate.
    """
    shape = (len(counts), *([1] * (rate.ndim - 1)), counts.shape[1])
    own = (rate + OFF)[None] * (umis / 1e4).reshape(-1, *([1] * rate.ndim))
    observed, mean = counts.reshape(shape), own + soup.reshape(shape)
    return observed * np.log(mean) - (observed + 1 / DISPERSION) * np.log(1 / DISPERSION + mean)


def log_rates(rate: np.ndarray) -> np.ndarray:
    """Logs of rates, among which those below EXPRESSED differ little."""
    return np.log(rate + EXPRESSED)


def correlations(x: np.ndarray, profiles: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Pearson's correlation (groups, Q) of log rates (groups, G) with profiles' (Q, G), genes weighted by weight (G,).

    NaN below LEAST_GENES genes that are known.
    """
    result = np.full((len(x), len(profiles)), np.nan)
    weight = np.ones(x.shape[1]) if weight is None else weight
    for q, profile in enumerate(profiles):
        both = ~np.isnan(profile)
        if both.sum() >= LEAST_GENES:
            w = weight[both] / weight[both].sum()
            a = x[:, both] - (x[:, both] @ w)[:, None]
            b = profile[both] - profile[both] @ w
            norm = np.sqrt((a**2 @ w) * (b**2 @ w))
            result[:, q] = np.divide(a @ (w * b), norm, out=np.zeros(len(a)), where=norm > 0)
    return result
