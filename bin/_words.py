#!/usr/bin/env python3
"""Numbers and names in sentences, written the same way everywhere."""

from collections.abc import Iterable


def percent(share: float) -> str:
    """A share of 0 to 1 with three significant figures: `0.041 %`, `98.5 %`."""
    return f"{100 * share:.3g} %"


def listed(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`; '' of nothing."""
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def plural(cell_type: str) -> str:
    """`plasma cells`, `CD4 T cells`, `B-ALL blasts`."""
    if cell_type.endswith((" T", " B", "NK", "unassigned")):
        return f"{cell_type} cells"
    return cell_type if cell_type.endswith("s") else f"{cell_type}s"


def capitalised(text: str) -> str:
    """A text that begins a sentence: `Plasma cells`, and names such as `CD4 T cells` as they are."""
    return text[:1].upper() + text[1:]


def fate_in_words(fate: str, change: str) -> str:
    """`lost`, `persistent and expanded`: the fate of a clone, with the change of one that stayed."""
    return f"{fate} and {change}" if fate == "persistent" and change != "not shown" else fate
