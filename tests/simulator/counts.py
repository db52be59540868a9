"""Counts of droplets: gamma-Poisson around each cell's own expected expression, compiled with numba.

Every droplet draws from its own random stream, so that a result does not depend on how droplets are shared
out between workers.
"""

from dataclasses import dataclass

import numba as nb
import numpy as np

NOISE_DRAWS = 4096  # stored gamma variates per dispersion class: a draw is a look-up
NOISE_FLOOR = 0.03  # expected counts below this are Poisson for any observer


@dataclass
class Expression:
    """What a cell's expectation is built from. G genes, S states, P programmes.

    base: (S, G) float32, relative expression per state. start, gene, effect: programme p multiplies gene[k]
    by exp(strength * effect[k]) for k in start[p]:start[p+1]. dispersion: (G,) class index. noise: (classes,
    draws) gamma variates of mean 1. soup: (G,) ambient profile that sums to 1.
    """

    base: np.ndarray
    start: np.ndarray
    gene: np.ndarray
    effect: np.ndarray
    dispersion: np.ndarray
    noise: np.ndarray
    soup: np.ndarray


@dataclass
class Cells:
    """Per cell: state (N,), strength (N, P), n_umi (N,) expected own UMIs, and extra genes (receptor, CAR).

    extra_gene: (N, E) int32, -1 for none. extra_share: (N, E) float32, share of the cell's own UMIs.
    """

    state: np.ndarray
    strength: np.ndarray
    n_umi: np.ndarray
    extra_gene: np.ndarray
    extra_share: np.ndarray


@nb.njit(nogil=True, cache=True, inline="always")
def _uniform(stream):
    """Next number in (0, 1) of a splitmix64 stream (Steele 2014), state in stream[0]."""
    stream[0] += np.uint64(0x9E3779B97F4A7C15)
    z = stream[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (np.float64(z >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@nb.njit(nogil=True, cache=True)
def _add_cell(c, out, work, base, start, gene, effect, state, strength, n_umi, extra_gene, extra_share):
    """Add cell c's expected counts to out (G,)."""
    n_genes = out.shape[0]
    profile = base[state[c]]
    for g in range(n_genes):
        work[g] = profile[g]
    for p in range(start.shape[0] - 1):
        s = strength[c, p]
        if s != 0.0:
            for k in range(start[p], start[p + 1]):
                work[gene[k]] *= np.exp(s * effect[k])
    total = 0.0
    for g in range(n_genes):
        total += work[g]
    extra = 0.0
    for e in range(extra_gene.shape[1]):
        if extra_gene[c, e] >= 0:
            extra += extra_share[c, e]
    scale = n_umi[c] * max(0.0, 1.0 - extra) / total
    for g in range(n_genes):
        out[g] += work[g] * scale
    for e in range(extra_gene.shape[1]):
        if extra_gene[c, e] >= 0:
            out[extra_gene[c, e]] += n_umi[c] * extra_share[c, e]


@nb.njit(nogil=True, cache=True)
def _droplets(
    low, high, seed, first, second, ambient, soup, dispersion, noise,
    base, start, gene, effect, state, strength, n_umi, extra_gene, extra_share,
):  # fmt: skip
    """Counts of droplets low..high-1 as (data, genes, genes per droplet)."""
    n_genes = base.shape[1]
    rate = np.empty(n_genes, np.float32)
    work = np.empty(n_genes, np.float32)
    data = np.empty((high - low) * 1500 + n_genes, np.int32)
    index = np.empty(data.shape[0], np.int32)
    length = np.zeros(high - low, np.int64)
    stream = np.empty(1, np.uint64)
    draws = noise.shape[1]
    filled = 0
    for d in range(low, high):
        stream[0] = np.uint64(seed) ^ (np.uint64(d + 1) * np.uint64(0xD1342543DE82EF95))
        _uniform(stream)
        rate[:] = 0.0
        if first[d] >= 0:
            _add_cell(first[d], rate, work, base, start, gene, effect, state, strength, n_umi, extra_gene, extra_share)
        if second[d] >= 0:
            _add_cell(second[d], rate, work, base, start, gene, effect, state, strength, n_umi, extra_gene, extra_share)
        if filled + n_genes > data.shape[0]:
            size = data.shape[0] + max(data.shape[0] // 2, n_genes)
            grown = np.empty(size, np.int32)
            grown[:filled] = data[:filled]
            data = grown
            grown = np.empty(size, np.int32)
            grown[:filled] = index[:filled]
            index = grown
        before = filled
        # One walk along the genes: the next event of a unit Poisson process is `wait` away.
        wait = -np.log(_uniform(stream))
        for g in range(n_genes):
            left = np.float64(rate[g])
            if left > NOISE_FLOOR:
                left *= noise[dispersion[g], int(_uniform(stream) * draws)]
            left += ambient[d] * soup[g]
            if left < wait:
                wait -= left
                continue
            count = 0
            while left >= wait:
                left -= wait
                count += 1
                wait = -np.log(_uniform(stream))
            wait -= left
            data[filled] = count
            index[filled] = g
            filled += 1
        length[d - low] = filled - before
    return data[:filled].copy(), index[:filled].copy(), length


def draw(
    low: int,
    high: int,
    seed: int,
    first: np.ndarray,
    second: np.ndarray,
    ambient: np.ndarray,
    what: Expression,
    cells: Cells,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts of droplets low..high-1.

    first, second: (D,) cell of each droplet, -1 for none; ambient: (D,) UMIs.

    Returns data (int32), gene index (int32) and the number of genes per droplet, as in a CSR matrix.
    """
    return _droplets(
        low, high, np.uint64(seed), first, second, ambient, what.soup, what.dispersion, what.noise, what.base,
        what.start, what.gene, what.effect, cells.state, cells.strength, cells.n_umi, cells.extra_gene,
        cells.extra_share,
    )  # fmt: skip


@nb.njit(nogil=True, cache=True)
def _mean(chosen, base, start, gene, effect, state, strength, n_umi, extra_gene, extra_share):
    total = np.zeros(base.shape[1], np.float32)
    work = np.empty(base.shape[1], np.float32)
    for c in chosen:
        _add_cell(c, total, work, base, start, gene, effect, state, strength, n_umi, extra_gene, extra_share)
    return total


def mean_expression(chosen: np.ndarray, what: Expression, cells: Cells) -> np.ndarray:
    """Summed expected counts (G,) of the chosen cells: the start of a sample's ambient profile."""
    return _mean(
        chosen, what.base, what.start, what.gene, what.effect, cells.state, cells.strength, cells.n_umi,
        cells.extra_gene, cells.extra_share,
    ).astype(np.float64)  # fmt: skip


def gamma_noise(dispersions: tuple[float, ...], seed: int) -> np.ndarray:
    """(classes, NOISE_DRAWS) gamma variates of mean 1 and the given variances."""
    rng = np.random.default_rng(seed)
    noise = np.stack([rng.gamma(1 / v, v, NOISE_DRAWS) for v in dispersions])
    return (noise / noise.mean(1, keepdims=True)).astype(np.float32)
