#!/usr/bin/env python3
"""Places on chromosomes as laboratories write them: bands, ranges, whole chromosomes, the bands of a translocation."""

import re
import unicodedata
from typing import NamedTuple

CHROMOSOME = r"(?:[1-9]|1[0-9]|2[0-2]|[xy])(?![0-9])"
BAND = r"[0-9]{1,2}(?:\.[0-9]+)?"
PLACE = rf"(?P<chromosome>{CHROMOSOME})(?:(?P<arm>[pq])(?P<low>{BAND})?(?:\s*[-~]?\s*(?:\d{{1,2}})?(?P<arm2>[pq])(?P<high>{BAND}))?)?"
WHOLE = rf"(?:cen|cep|chr(?:omosom(?:e|en|s)?)?|cromosoma|ceps)\.?\s*{PLACE}|d(?P<satellite>{CHROMOSOME})z\d+"
TRANSLOCATION = rf"t\((?P<chromosomes>{CHROMOSOME}(?:;{CHROMOSOME})+)\)(?:\((?P<bands>[pq]{BAND}(?:;[pq]{BAND})+)\))?"


class Locus(NamedTuple):
    """Part of a chromosome: arm '' for both; bands from low to high as numbers (0 to 99.99: the whole arm)."""

    chromosome: str
    arm: str = ""
    low: float = 0.0
    high: float = 99.99

    def touches(self, other: "Locus") -> bool:
        """Whether the two may be of the same material."""
        arms = not self.arm or not other.arm or self.arm == other.arm
        apart = self.arm and other.arm and (self.high < other.low or other.high < self.low)
        return self.chromosome == other.chromosome and arms and not apart

    @property
    def name(self) -> str:
        """`1q21`, `13q` or `9`."""
        whole = (self.low, self.high) == (0.0, 99.99)
        return f"{self.chromosome.upper()}{self.arm}" + ("" if whole else f"{self.low:g}")


def folded(text: str) -> str:
    """Lower-case text without accents; full-width letters, dashes and signs in their plain form."""
    plain = unicodedata.normalize("NFKC", text.replace("×", "x")).casefold()
    plain = re.sub("[\u2010-\u2015\u2212]", "-", plain.replace("\u00ad", "").replace("\u200b", ""))
    letters = unicodedata.normalize("NFKD", plain)
    return unicodedata.normalize("NFC", "".join(char for char in letters if not unicodedata.combining(char)))


def band_numbers(low: str | None, high: str | None) -> tuple[float, float]:
    """Bands `21` to `23.1` as an interval; a band includes its parts, one digit all bands that begin with it."""
    if not low:
        return 0.0, 99.99
    first, last = low, high or low
    start = float(first) * (10 if len(first.split(".")[0]) == 1 else 1)
    whole = "." not in last
    end = float(last) * (10 if whole and len(last) == 1 else 1)
    return start, end + (9.99 if whole and len(last) == 1 else 0.99 if whole else 0.09)


def locus_of(match: re.Match) -> Locus | None:
    """The locus of a match of PLACE, WHOLE; None where the second arm says something else."""
    parts = match.groupdict()
    if parts.get("satellite"):
        return Locus(parts["satellite"])
    if parts["arm2"] and parts["arm2"] != parts["arm"]:
        return Locus(parts["chromosome"])  # over the centromere: 9p11-q11
    low, high = band_numbers(parts["low"], parts["high"])
    if low > high:
        low, high = band_numbers(parts["high"], parts["low"])
    return Locus(parts["chromosome"], parts["arm"] or "", low, high)


def read_places(region: str) -> dict[str, Locus] | None:
    """Bands of a region (`1q21`, `1p32/1q21`, `1q21-q23`, `9`, `cen9`, `t(4;14)(p16;q32)`) as written -> locus; None: not read."""
    places = {}
    for part in re.split(r"\s*[;/]\s*(?![^()]*\))", region.strip(" ;/")):
        text = folded(part)
        moved = re.fullmatch(TRANSLOCATION, text.replace(" ", ""))
        if moved:
            bands = (moved["bands"] or "").split(";") if moved["bands"] else [""] * 9
            chromosomes = moved["chromosomes"].split(";")
            if moved["bands"] and len(bands) != len(chromosomes):
                return None
            for chromosome, band in zip(chromosomes, bands, strict=False):
                places[f"{chromosome.upper()}{band}"] = Locus(chromosome, band[:1], *band_numbers(band[1:], None))
            continue
        match = re.fullmatch(PLACE, re.sub(r"^chr\s*", "", text)) or re.fullmatch(WHOLE, text)
        if not match:
            return None
        places[part] = locus_of(match)
    return places
