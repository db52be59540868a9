#!/usr/bin/env python3
"""What a FISH result says in words: gain or loss of which arm, read by a small grammar of whole words.

A text is a sequence of phrases (between commas, semicolons, colons, brackets); a phrase is a sequence of tokens: findings,
places (`1q21`, `cen9`, `CKS1B`), negations, numbers of copies, and link words of assets/fish_words.tsv. A finding counts only in
a phrase of which every word is known, or up to a word that begins a remark (`in CD138+ cells`). Doubts, unknown words and
contradictions leave the result unread, with the reason: nothing is guessed.
"""

import re
from typing import NamedTuple

from _fish_places import Locus, folded, read_places
from _fish_words import DOSE, REARRANGED, Token, Words, event_of_copies, tokens_of

BALANCED_ONLY = "a balanced rearrangement moves no dose of expression"
CUTOFF = 5.0  # percent of nuclei from which on a result counts as positive, where the laboratory states no other
SIZE = re.compile(r"(\d+(?:[.,]\d+)?)\s*(mb|kb)\b")
GROUPED = re.compile(r"[1-9]\d{0,2},\d{3}")  # a comma that may group thousands or be the decimal mark


class Finding(NamedTuple):
    """An event with its sign, of stated loci (none: of the row's region)."""

    event: str
    negated: bool
    loci: tuple[Locus, ...]
    strict: bool = True  # every word of its phrase is known
    trailing: bool = False  # the negation follows it
    counted: bool = False  # by a number of copies
    kind: str = ""  # the meaning of its word: an amplification is more than a gain


class Reading(NamedTuple):
    """What a row says of one of its bands: arms, gain or loss or None, why not; whether it is said not to be there."""

    arms: list[str]
    event: str | None
    reason: str
    negated: bool = False


def extent(abnormality: str, words: Words) -> float:
    """Mb of an event where the finding states them (`deletion, 40,5 Mb`), 0 of a focal one, else NaN."""
    text = folded(abnormality)
    size = SIZE.search(text)
    if size and not GROUPED.fullmatch(size[1]):
        return float(size[1].replace(",", ".")) / (1000 if size[2] == "kb" else 1)
    spoken = set(re.findall(r"[^\W\d_]+", text)) | {word for word in words.focal if not word.isascii() and word in text}
    return 0.0 if spoken & words.focal else float("nan")


def phrases_of(tokens: list[Token]) -> list[tuple[list[Token], bool]]:
    """Phrases, and whether each is joined to the one before (by `and`, `/`): split there only between two findings."""
    phrases: list[tuple[list[Token], bool]] = []
    current: list[Token] = []
    joined = False
    for at, token in enumerate(tokens):
        if token.meaning == "stop":
            phrases, current, joined = [*phrases, (current, joined)], [], False
        elif token.meaning == "join" and has_finding(current) and has_finding(until_stop(tokens[at + 1 :])):
            phrases, current, joined = [*phrases, (current, joined)], [], True
        else:
            current.append(token)
    return [(phrase, joined) for phrase, joined in [*phrases, (current, joined)] if phrase]


def until_stop(tokens: list[Token]) -> list[Token]:
    """The tokens before the next end of a phrase."""
    end = next((at for at, token in enumerate(tokens) if token.meaning == "stop"), len(tokens))
    return tokens[:end]


def has_finding(tokens: list[Token]) -> bool:
    """Whether a dose, copies or a rearrangement is named."""
    return any(token.meaning in (*DOSE, "copies", "balanced", "structure") for token in tokens)


class Phrase:
    """What one phrase says: findings, whether every word is known, and whether it speaks of nothing but a result."""

    def __init__(self, tokens: list[Token]):
        opened = next((at for at, token in enumerate(tokens) if token.meaning == "remark"), len(tokens))
        if not has_finding(tokens[:opened]):
            opened = len(tokens)
        head = tokens[:opened]
        self.remark = tokens[opened:]
        self.loci = tuple(locus for token in head if token.meaning == "place" for locus in token.loci)
        known = (
            "link",
            "join",
            "of",
            "until",
            "unit",
            "place",
            "remark",
            "no",
            "negative",
            "positive",
            "normal",
            "unbalanced",
            "unspecific",
        )
        self.unknown = [
            token.text
            for token in head
            if token.meaning not in (*DOSE, *known, "copies", "balanced", "structure", "doubt")
        ]
        self.meanings = {token.meaning for token in head}
        self.negations = sum(token.meaning in ("no", "negative") for token in head)
        self.findings, self.odd = self.find(head)
        bare = self.meanings - {"link", "join", "of", "unit", "remark"}
        self.only_negative = bool(bare) and bare <= {"negative", "no", "normal"} and not self.unknown
        self.only_place = bare == {"place"} and not self.unknown

    def find(self, head: list[Token]) -> tuple[list[Finding], str]:
        """Findings in order, and what cannot be settled ('' where all can)."""
        found: list[Finding] = []
        no, odd, amount = False, "", False
        for at, token in enumerate(head):
            after = head[at + 1] if at + 1 < len(head) else None
            before = [part for part in head[:at] if part.meaning != "place"][-2:]
            event = DOSE.get(token.meaning, token.meaning if token.meaning in REARRANGED else "")
            if token.meaning == "copies":
                # `loss of one signal`, `one copy gain`: the number is how many were lost or gained.
                amount = len(before) == 2 and before[0].meaning in DOSE and before[1].meaning == "of"
                amount = amount or (after is not None and after.meaning in DOSE)
                event = "" if amount else event_of_copies(token)
                odd = odd or ("" if event or amount else f"'{token.text}' may be normal or not")
            if event:
                counted = token.meaning == "copies"
                loci = token.loci or self.loci
                found.append(Finding(event, no, loci, not self.unknown, counted=counted, kind=token.meaning))
            if token.meaning in ("no", "negative") and (
                token.meaning == "no" or not found or after_finding(head[at + 1 :])
            ):
                no = True
            trailing = token.meaning == "negative" or (
                token.meaning in ("no", "normal") and not after_finding(head[at + 1 :])
            )
            if trailing and found:
                found[-1] = found[-1]._replace(negated=True, trailing=True)
        if self.negations > 1 and found:
            odd = odd or "it negates more than once"
        return found, odd


def after_finding(tokens: list[Token]) -> bool:
    """Whether a finding follows in the phrase."""
    return has_finding(tokens)


def findings_of(text: str, words: Words, known: set[str]) -> tuple[list[Finding], str]:
    """Findings of a text in order, and why it is not read ('' where it is)."""
    tokens = tokens_of(folded(text), words, known)
    doubt = next((token.text for token in tokens if token.meaning == "doubt"), "")
    if doubt:
        return [], f"it states a doubt ('{doubt}')"
    for size in SIZE.finditer(folded(text)):
        if GROUPED.fullmatch(size[1]):
            whole, decimal = size[1].replace(",", ""), size[1].replace(",", ".")
            return [], f"the size '{size[0]}' may be {whole} or {decimal}"
    parts = [(Phrase(phrase), joined) for phrase, joined in phrases_of(tokens)]
    found: list[Finding] = []
    last: list[int] = []  # places in `found` of the findings of the phrase before
    subject: tuple[Locus, ...] = ()
    leading: list[str] = []
    unbalanced = any("unbalanced" in phrase.meanings for phrase, _ in parts)
    negated_before = pending = False
    for phrase, joined in parts:
        if phrase.only_negative and last:
            for at in last:
                found[at] = found[at]._replace(negated=True)
            continue
        if not phrase.findings:
            if not found:
                leading += phrase.unknown
                pending = phrase.only_negative and "normal" not in phrase.meanings  # `not detected: deletion 17p`
            elif "negative" in phrase.meanings and not phrase.loci:
                return [], "a remark says that something is not there"
            subject, last = (phrase.loci if phrase.only_place else ()), []
            negated_before = False
            continue
        if phrase.odd:
            return [], phrase.odd
        new = [finding if finding.loci else finding._replace(loci=subject) for finding in phrase.findings]
        if pending and not phrase.negations:
            new = [finding._replace(negated=True) for finding in new]
        pending = False
        if joined and negated_before and not phrase.negations:
            new = [finding._replace(negated=True) for finding in new]
        if joined and phrase.findings[-1].trailing and last and not negated_before:
            for at in last:
                found[at] = found[at]._replace(negated=True)
        if not found and (leading or phrase.unknown):
            return [], "words that are not known: " + ", ".join(dict.fromkeys(leading + phrase.unknown))
        if phrase.remark and any(token.meaning in ("negative", *DOSE) for token in phrase.remark):
            other = Phrase([token for token in phrase.remark if token.meaning != "remark"])
            ours = {finding.event for finding in new}
            if "negative" in other.meanings and not other.loci:
                return [], "a remark says that something is not there"
            new += [f._replace(strict=False) for f in other.findings if f.event not in (*ours, *REARRANGED)]
        last = list(range(len(found), len(found) + len(phrase.findings)))
        negated_before = phrase.negations > 0 and new[0].negated
        found += new
        subject = ()
    if not found:
        return [], "it names neither a gain nor a loss" + (
            f"; not known: {', '.join(dict.fromkeys(leading))}" if leading else ""
        )
    if unbalanced or any(finding.event == "structure" for finding in found):
        found = [f for f in found if f.event not in REARRANGED] or [Finding("structure", False, ())]
    return found, ""


def read_finding(place: Locus, findings: list[Finding]) -> tuple[str | None, str, bool, Locus]:
    """(gain or loss or None, why not, whether negated, what part of the place) of findings for one place."""
    here = [finding for finding in findings if not finding.loci or any(locus.touches(place) for locus in finding.loci)]
    doses = [finding for finding in here if finding.event in ("gain", "loss")]
    rearranged = any(finding.event == "balanced" and not finding.negated for finding in findings)
    if not doses:
        others = [locus.name for finding in findings if finding.event in ("gain", "loss") for locus in finding.loci]
        if others:
            return None, f"the finding is of {' and '.join(dict.fromkeys(others))}, not of {place.name}", False, place
        if any(finding.event == "structure" for finding in findings):
            return None, "it names a rearranged chromosome without a gain or loss", False, place
        if any(finding.event == "balanced" for finding in findings):
            return None, BALANCED_ONLY, False, place
        return None, "it names neither a gain nor a loss", False, place
    positive = [finding for finding in doses if not finding.negated]
    chosen = positive or doses
    events = {finding.event for finding in chosen}
    if len(events) > 1:
        return None, "it names both a gain and a loss", False, place
    if any(finding.trailing and not finding.loci and finding.event not in events for finding in doses[1:]):
        return None, "what it says is not there may be one finding or all", False, place
    if any(finding.event == "normal" and not finding.loci for finding in here) and positive:
        return None, f"it names a {chosen[0].event} and two copies", False, place
    # `gain, no amplification` is a gain.
    softer = [f for f in doses if f.kind != "amplification" or chosen[0].kind == "amplification"]
    against = [f for f in softer if f.negated and f.event in events]
    if positive and against:
        return None, f"it says that the {chosen[0].event} is there and that it is not", False, place
    if rearranged and positive and chosen[0].counted:
        return None, "a rearrangement splits a signal, so its number of signals is no dose", False, place
    if rearranged and positive and not any(finding.loci for finding in chosen):
        return None, f"it names a rearrangement and a {chosen[0].event} without its place", False, place
    if not chosen[0].strict:
        return None, "words that are not known", False, place
    loci = [locus for finding in chosen for locus in finding.loci if locus.touches(place)]
    narrow = loci[0] if loci and not place.arm and all(locus.arm for locus in loci) else place
    return chosen[0].event, "", not positive, narrow


def read_row(region: str, abnormality: str, probe: str, words: Words) -> dict[str, Reading]:
    """What a row says of each band of its region; bands that say the same of one arm stay together (`13q14/13q34`)."""
    places = read_places(region)
    if places is None:
        return {region: Reading([], None, f"'{region}' is not a chromosome band like 1q21")}
    known = set(re.findall(r"[\w']+", folded(probe)))
    findings, why = findings_of(abnormality, words, known)
    groups: dict[tuple, list[str]] = {}
    for band, place in places.items():
        event, reason, negated, narrow = (None, why, False, place) if why else read_finding(place, findings)
        reason = reason if reason in ("", BALANCED_ONLY) else f"'{abnormality}' is not read: {reason}"
        arms = [place.chromosome + side for side in (narrow.arm or "pq")] if event else []
        if event and not place.chromosome.isdigit():
            arms, event, reason = [], None, "sex chromosomes are not scored"
        groups.setdefault((tuple(arms), event, reason, negated), []).append(band)
    return {"/".join(bands): Reading(list(key[0]), *key[1:]) for key, bands in groups.items()}
