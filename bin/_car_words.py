#!/usr/bin/env python3
"""What the CAR steps say of samples: why there is no call, and what bears on the others."""

from _words import listed


def car_remarks(samples: dict[str, dict]) -> list[str]:
    """A sentence per reason or remark, with the samples it holds for. samples: facts by sample, as <patient>.car.json holds them."""
    of_text: dict[str, list[str]] = {}
    for sample, fact in samples.items():
        for text in (fact.get("reason", ""), fact.get("remark", "")):
            if text:
                of_text.setdefault(text, []).append(sample)
    return [f"{listed(names)}: {text}." for text, names in of_text.items()]
