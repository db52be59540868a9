#!/usr/bin/env python3
"""The words of FISH reports (assets/fish_words.tsv), and a text cut into tokens with their meanings."""

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from _fish_places import BAND, CHROMOSOME, PLACE, WHOLE, Locus, folded, locus_of, read_places

HAN = re.compile("[\u3400-\u9fff]")
DOSE = {"gain": "gain", "amplification": "gain", "loss": "loss"}
REARRANGED = ("balanced", "structure")
ISCN = {"del": "loss", "dup": "gain", "trp": "gain", "amp": "amplification", "gain": "gain", "loss": "loss"}
ISCN |= {"t": "balanced", "inv": "balanced", "ins": "balanced"} | dict.fromkeys(
    ["der", "dic", "idic", "i", "r", "add"], "structure"
)
TOKENS = re.compile(
    "|".join(
        (
            r"(?P<size>\d+(?:[.,]\d+)?\s*(?:mb|kb)\b)",
            r"(?P<count>\d+(?:[.,]\d+)?\s*%|\[?\b\d+\s*/\s*\d+\b\]?)",
            r"(?P<marker>\bcd\d+[a-z]?(?:\s*(?:\+|-)(?![\w])|-(?=[a-z]))?)",
            rf"(?P<iscn>(?<![a-z0-9])(?:{'|'.join(sorted(ISCN, key=len, reverse=True))})\s*\([^()]*\)(?:\s*\([^()]*\))?)",
            rf"(?P<whole>(?<![a-z0-9])(?:{re.sub('[?]P<[a-z0-9]+>', '?:', WHOLE)})(?![a-z0-9]))",
            rf"(?P<signed>(?<![\w)\]])[+-]{re.sub('[?]P<[a-z0-9]+>', '?:', PLACE)}(?![\w.+-]))",
            rf"(?P<place>(?<![a-z0-9.])(?:chr)?(?:[1-9]|1[0-9]|2[0-2]|[xy])[pq](?:{BAND})?(?:\s*[-~]?\s*(?:\d{{1,2}})?[pq]{BAND})?(?![a-z0-9]))",
            r"(?P<sign>(?<=[pq0-9])[+-](?![\w+-]))",
            r"(?P<minus>(?<![a-z0-9-])-(?=\s*(?:$|[),;\]])))",
            r"(?P<pattern>(?<![a-z0-9])(?:\d[rgobfya]){2,}(?![a-z0-9]))",
            r"(?P<compared>>=|<=|≥|≤|>|<|=)",
            r"(?P<number>\d+(?:\.\d+)?)",
            r"(?P<doubt>\?)",
            r"(?P<stop>[;,.:()\[\]|!\n、。]|\s[-–—](?=\s))",
            r"(?P<slash>[/+&])",
            r"(?P<cjk>[\u3400-\u9fff]+)",
            r"(?P<word>(?![\u3400-\u9fff])[^\W\d_](?:(?![\u3400-\u9fff])[\w'])*)",
            r"(?P<other>[^\s-])",
        )
    )
)  # fmt: skip


class Token(NamedTuple):
    """A word or sign with its meaning; for a finding its loci, for copies their least and most."""

    meaning: str
    text: str
    loci: tuple[Locus, ...] = ()
    copies: tuple[float, float] = (0.0, 0.0)


class Words:
    """The words of reports (assets/fish_words.tsv): sequences of folded words -> meaning; probes -> locus; figures."""

    def __init__(self, path: Path):
        self.meanings: dict[tuple[str, ...], str] = {}
        self.cjk: dict[str, str] = {}
        self.probes: dict[str, Locus] = {}
        self.figures: dict[str, float] = {}
        self.focal: set[str] = set()
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                self.add(folded(row["word"]), row["meaning"], row["value"])
        self.longest = max(map(len, self.meanings))

    def add(self, word: str, meaning: str, value: str) -> None:
        """One row of the table."""
        if meaning == "probe":
            (self.probes[word],) = read_places(value).values()
        elif meaning == "focal":
            self.focal.add(word)
        elif HAN.search(word):
            self.cjk[word] = meaning
        else:
            self.meanings[tuple(re.findall(r"[\w']+", word))] = meaning
        if meaning == "figure":
            self.figures[word] = float(value)

    def cut(self, text: str) -> Iterable[tuple[str, str]]:
        """(word, meaning or '') of Chinese text, the longest known words first."""
        while text:
            word = next((text[:n] for n in range(min(8, len(text)), 0, -1) if text[:n] in self.cjk), text[0])
            yield word, self.cjk.get(word, "")
            text = text[len(word) :]


def iscn(text: str, words: Words, known: set[str]) -> Token | None:
    """The token of `del(13)(q14)`, `amp(1q)`, `del(TP53)` or `t(4;14)`; None where the brackets hold a remark."""
    name, inside, bands = re.fullmatch(r"([a-z]+)\s*\(([^()]*)\)(?:\s*\(([^()]*)\))?", text).groups()
    meaning = ISCN[name]
    if meaning in ("balanced", "structure"):
        fits = re.fullmatch(rf"\s*{CHROMOSOME}[pq0-9.]*(?:\s*[;,]\s*{CHROMOSOME}[pq0-9.]*)*\s*", inside)
        return Token(meaning, text) if fits else None
    if inside.strip() in words.probes or inside.strip() in known:
        return Token(meaning, text, tuple(filter(None, [words.probes.get(inside.strip())])))
    match = re.fullmatch(PLACE, f"{inside}{bands or ''}".replace(" ", ""))
    return Token(meaning, text, (locus_of(match),)) if match else None


def nuclear(text: str, words: Words, known: set[str]) -> list[Token]:
    """Tokens of what follows `nuc ish`: copies of each probe of `(CDKN2Cx2,CKS1Bx3)[171/200]`, or a rearrangement."""
    tokens = []
    text = re.sub(r"\[[^\]]*\]", "", text)
    for group, times, most, bare in re.findall(r"\(([^()]*)\)\s*(?:x\s*(\d+)(?:[~-](\d+))?)?|([^\s(),]+)", text):
        items = [item.strip() for item in (group or bare).split(",")]
        for item in items:
            match = re.fullmatch(r"(.+?)\s*x\s*(\d+)(?:[~-](\d+))?", item)
            name, low, high = match.groups() if match else (item, times, most)
            if re.search(r"\b(con|sep)\b", item):
                tokens.append(Token("balanced", item))
            elif low and (name in words.probes or name in known):
                copies = (float(low), float(high or low))
                tokens.append(Token("copies", item, tuple(filter(None, [words.probes.get(name)])), copies))
            elif not re.fullmatch(PLACE, item):
                tokens.append(Token("", item))
            tokens.append(Token("stop", ","))
    if any(token.meaning == "balanced" for token in tokens):  # a split signal is one more: its copies are no dose
        return [token for token in tokens if token.meaning != "copies"]
    return tokens


def spaced(times: re.Match, words: Words, known: set[str]) -> str:
    """`CKS1Bx3` outside of `nuc ish` as `CKS1B 3 copies`, where the name is a probe."""
    name, copies = times.groups()
    return f"{name} {copies.replace('~', '-')} copies" if name in words.probes or name in known else times[0]


def tokens_of(text: str, words: Words, known: set[str]) -> list[Token]:
    """The tokens of a folded text. known: further names of the row's probe."""
    text = re.sub(r"\b(del|dup|amp|gain|loss)(?=\d{1,2}[pq])", r"\1 ", text)
    text = re.sub(
        r"(\d{1,2}|[xy])号染色体(短臂|长臂)?",
        lambda m: f" chr {m[1]}{ {None: '', '短臂': 'p', '长臂': 'q'}[m[2]] } ",
        text,
    )
    before, ish, after = text.partition("nuc ish")
    before = re.sub(r"\b([a-z][a-z0-9]*?)\s*x(\d+(?:[~-]\d+)?)(?![a-z0-9])", lambda m: spaced(m, words, known), before)
    raw: list[Token] = []
    for match in TOKENS.finditer(before):
        kind, found = match.lastgroup, match[0]
        if kind == "iscn":
            token = iscn(found, words, known)
            raw += (
                [token]
                if token
                else [Token("word", found.split("(")[0].strip()), *tokens_of(found.partition("(")[2], words, known)]
            )
        elif kind == "whole":
            raw.append(Token("place", found, (locus_of(re.fullmatch(WHOLE, found)),)))
        elif kind == "place":
            raw.append(Token("place", found, (locus_of(re.fullmatch(PLACE, found.removeprefix("chr"))),)))
        elif kind == "signed":
            place = locus_of(re.fullmatch(PLACE, found[1:]))
            raw.append(Token("gain" if found[0] == "+" else "loss", found, (place,)))
        elif kind == "sign":
            fits = raw and raw[-1].meaning == "place"
            raw.append(Token(("gain" if found == "+" else "loss") if fits else "", found))
        elif kind == "cjk":
            raw += [Token(meaning or "", word) for word, meaning in words.cut(found)]
        elif kind in ("size", "count", "pattern"):
            raw.append(Token("link", found))
        elif kind == "marker":
            raw.append(Token("remark", found))
        else:
            raw.append(Token({"slash": "join", "minus": "negative", "other": ""}.get(kind, kind), found))
    if ish:
        raw += [Token("stop", ","), *nuclear(after, words, known)]
    return with_copies(with_meanings(raw, words, known), words.figures)


def with_meanings(raw: list[Token], words: Words, known: set[str]) -> list[Token]:
    """Words joined to the longest entries of the table; probes as places, the row's own names as links."""
    tokens, at = [], 0
    while at < len(raw):
        run = [token.text for token in raw[at : at + words.longest]]
        longest = next((n for n in range(len(run), 0, -1) if tuple(run[:n]) in words.meanings), 0)
        # A place or sign is no word; only words make up an entry.
        longest = longest if all(token.meaning in ("word", "number") for token in raw[at : at + longest]) else 0
        if raw[at].meaning != "word" and not longest:
            tokens.append(raw[at])
        elif longest:
            tokens.append(Token(words.meanings[tuple(run[:longest])], " ".join(run[:longest])))
        elif run[0] in words.probes:
            tokens.append(Token("place", run[0], (words.probes[run[0]],)))
        else:
            tokens.append(Token("link" if run[0] in known else "", run[0]))
        at += max(1, longest)
    return tokens


def with_copies(tokens: list[Token], figures: dict[str, float]) -> list[Token]:
    """Numbers before a word for copies as copies; the chromosome after `trisomy`; other numbers stay as they are."""

    def number(token: Token) -> float:
        return figures.get(token.text) if token.meaning == "figure" else float(token.text)

    out: list[Token] = []
    at = 0
    while at < len(tokens):
        token, rest = tokens[at], tokens[at + 1 :]
        compared = ""
        start = at
        if token.meaning == "compared" and rest and rest[0].meaning == "number":
            compared, start = token.text, at + 1
        if tokens[start].meaning in ("number", "figure"):
            low = number(tokens[start])
            end, high = start + 1, low
            if (
                end + 1 < len(tokens)
                and tokens[end].meaning == "until"
                and tokens[end + 1].meaning in ("number", "figure")
            ):
                high, end = number(tokens[end + 1]), end + 2
            elif end < len(tokens) and tokens[end].meaning == "number" and not compared:  # 3-4: the hyphen is no token
                high, end = number(tokens[end]), end + 1
            if end < len(tokens) and tokens[end].meaning == "unit":
                text = " ".join(part.text for part in tokens[at : end + 1])
                out.append(Token("copies", text, (), bounds(compared, low, high)))
                at = end + 1
                continue
            if end == start + 1 and not compared and end < len(tokens) and tokens[end].meaning in DOSE:
                out.append(Token("link", tokens[start].text))  # 2 extra copies
                at = end
                continue
            if tokens[start].meaning == "figure" and low == 1:
                out.append(Token("link", token.text))  # an article
                at = start + 1
                continue
            last = next((part for part in reversed(out) if part.meaning not in ("link", "of")), None)
            chromosome = re.fullmatch(CHROMOSOME, tokens[start].text)
            if (
                last
                and last.meaning in DOSE
                and re.search("som(y|ie|ia)$|体$", last.text)
                and chromosome
                and not compared
            ):
                out.append(Token("place", tokens[start].text, (Locus(chromosome[0]),)))
                at = start + 1
                continue
        if token.meaning == "copy number":
            here = [part for part in rest[:3] if part.meaning not in ("link", "stop")]
            here = [part for part in here if part.meaning != "compared" or part.text != "="]
            if here and here[0].meaning == "number":
                copies = number(here[0])
                out.append(Token("copies", f"{token.text} {here[0].text}", (), (copies, copies)))
                at += rest.index(here[0]) + 2
                continue
            out.append(Token("", token.text))
            at += 1
            continue
        out.append(token._replace(meaning="link") if token.text == "=" else token)
        at += 1
    return out


def bounds(compared: str, low: float, high: float) -> tuple[float, float]:
    """Least and most copies of `>= 4`, `< 2`, `3-4`."""
    return {
        ">": (low + 1, 99.0),
        ">=": (low, 99.0),
        "≥": (low, 99.0),
        "<": (0.0, low - 1),
        "<=": (0.0, low),
        "≤": (0.0, low),
    }.get(compared, (min(low, high), max(low, high)))


def event_of_copies(token: Token) -> str:
    """gain of three copies or more, loss of one or none, `normal` of two, '' where the range holds several."""
    low, high = token.copies
    return "gain" if low >= 3 else "loss" if high <= 1 else "normal" if low == high == 2 else ""
