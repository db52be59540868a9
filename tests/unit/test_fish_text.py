"""FISH results in words: what is read, what is left unread, in five languages; texts made from the table of words, seeded."""

import csv
import random
import re

from _fish_places import read_places
from _fish_text import BALANCED_ONLY, extent, read_row
from _fish_words import Words

import pytest
from conftest import PROJECT

TABLE = PROJECT / "assets" / "fish_words.tsv"
WORDS = Words(TABLE)
LANGUAGES = ("en", "de", "fr", "es", "zh")


def read(region: str, text: str, probe: str = "X") -> list[tuple[str, str | None, bool]]:
    """(arms, event, negated) of each band."""
    return [(" ".join(one.arms), one.event, one.negated) for one in read_row(region, text, probe, WORDS).values()]


def rows(*meanings: str) -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8") as lines:
        return [row for row in csv.DictReader(lines, delimiter="\t") if row["meaning"] in meanings]


GAINS = (
    "gain", "amp(1q)", "amp1q", "amplification, 4 copies", "3 copies", "three copies", "> 3 copies", ">=4 copies", "≥4 Kopien",
    "nuc ish(CKS1Bx3)[171/200]", "nuc ish(CDKN2Cx2,CKS1Bx3)[171/200]", "nuc ish(CDKN2Cx2,CKS1Bx3~4)", "1q21+", "+1q", "+1q21", "+1",
    "polysomy", "polysomy 1", "trisomy 1", "duplication", "triplication", "dup(1)(q21q32)", "dup(1q)", "Amp (>=4 copies)", "CN=4", "CKS1B x3", "CKS1Bx3~4", "3 copies of CKS1B without rearrangement",
    "copy number 3", "increased copy number", "aneusomy (3-4 signals)", "gain 1q, t(4;14) negative", "gain (not amplification)", "3 copies, no amplification",
    "unbalanced translocation with gain of 1q", "IGH/CKS1B extra signal without rearrangement", "gain of one copy", "2 extra copies",
    "CD138+ cells: gain", "gain in 85,5 % of CD138+ plasma cells", "GAIN 1Q21", "der(1)t(1;16) with gain of 1q", "gain, no amplification",
    "Zugewinn", "Zugewinn 1q21 (3 Kopien)", "1q-Zugewinn", "drei Kopien", "trisomie 1", "3 copies du gène CKS1B",
    "ganancia del 1q", "ganancia de 1q21", "1q21扩增", "1q21 扩增（3个拷贝）", "CKS1B基因获得", "1q21扩增（阳性）", "CD138+细胞中1q21扩增", "gain (+)", "amplification of 1q, monosomy 13",
)  # fmt: skip
LOSSES = (
    "deletion", "deletion (CD138+ cells)", "deletion, seen again at relapse", "deletion; signal distribution 1R2G", "deletion, extrapolated",
    "deletion, 40,5 Mb", "deletion 40.5 Mb", "del(13)(q14)", "del(13q14)", "del13q14", "del(RB1)", "13q-", "13q14-", "13q-Deletion", "-13",
    "-13q", "monosomy 13", "Monosomie 13", "nullisomy", "hemizygous deletion (1R2G), distribution 149/200", "monoallelic RB1 deletion",
    "loss of one signal, no additional copies: hypodiploid, not gained", "RB1 deleted; D13S319 1 signal, LAMP1 2 signals", "Verlust",
    "Deletion 13q14 (mono-allelic) without split", "nuc ish(D13S319x1,LAMP1x2)[149/200]", "nuc ish(D13S319,LAMP1)x1", "1 copy",
    "nuc ish 13q14(D13S319x0~1)", "one allele deleted", "deletion of both alleles", "single copy loss", "< 2 signals", "loss of 1 copy",
    "heterozygote RB1-Deletion", "Deletion des RB1-Gens", "délétion hétérozygote de RB1", "deleción del gen RB1", "pérdida de 13q",
    "RB1基因缺失", "13号染色体单体", "deletion; later gain of 1q", "deletion was found in 74.5 % (149/200) of nuclei",
)  # fmt: skip
NEGATED = (
    "no gain", "no gain of 1q", "gain not detected", "gain: negative", "gain negative", "negative for gain", "gain (negative)", "gain (-)", "gain: -", "not detected: gain of 1q", "non détecté : gain 1q",
    "without gain", "not gained", "non-gained", "gain: no", "gain ruled out", "no amplification", "absence of gain", "no gain seen",
    "kein Zugewinn", "Zugewinn nicht nachweisbar", "kein Hinweis auf Zugewinn", "ohne Zugewinn", "pas de gain", "absence de gain",
    "sin ganancia", "no se detecta ganancia", "未检测到1q21扩增", "1q21扩增阴性", "无扩增",
)  # fmt: skip
UNREAD = (
    "", "normal", "negative", "positive", "+", "-", "again", "distribution", "extra", "extrapolated", "CD138+", "polymorphism",
    "del(1p)", "del(1p32), 1q normal", "14q32 gain", "ATM gain", "gain?", "possible gain", "cannot exclude gain", "suspected gain",
    "gain of 1q cannot be excluded", "gain, not excluded", "borderline gain", "artefact; gain", "gain below cut-off", "gain probe",
    "failed hybridisation, gain", "gain of function mutation", "gain of weight", "gain and loss", "gain or deletion", "history of gain",
    "no gain or loss", "neither gain nor loss", "not without gain", "gain, absent at relapse", "gain (2 copies)", "2 copies", "2-3 copies",
    "1-3 signals", "previously reported gain", "gain (at diagnosis, not detected now)", "loss of heterozygosity", "CN-LOH", "1R2G",
    "loss to follow-up", "loss of expression", "again deleted gain", "tetraploidy", "i(1)(q10)", "der(1)t(1;19)", "gain/no gain", "gain; on review no gain", "gain, deletion not detected",
    "IGH break-apart, gain of a signal", "t(1;19), 3 copies of CKS1B", "nuc ish(UNKNOWNx3)", "Verdacht auf Zugewinn", "V.a. Zugewinn", "Zugewinn nicht auszuschließen",
    "Zugewinn fraglich", "gain ne peut être exclu", "no se puede excluir ganancia", "不能排除扩增", "可疑扩增", "gain, 1,250 kb", "undeleted",
)  # fmt: skip
BALANCED = (
    "IGH rearrangement", "t(4;14)", "t(9;22) BCR::ABL1", "break-apart", "split signals", "fusion not detected", "no rearrangement",
    "nuc ish(IGHx2)(5'IGH sep 3'IGHx1)", "nuc ish(FGFR3,IGH)x3(FGFR3 con IGHx2)", "Translokation", "réarrangement", "易位",
)  # fmt: skip


@pytest.mark.parametrize("text", GAINS)
def test_a_gain_of_1q(text):
    assert read("1q21", text) == [("1q", "gain", False)]


@pytest.mark.parametrize("text", LOSSES)
def test_a_loss_of_13q(text):
    assert read("13q14", text) == [("13q", "loss", False)]


@pytest.mark.parametrize("text", NEGATED)
def test_what_was_looked_for_and_is_not_there_keeps_its_name(text):
    assert read("1q21", text) == [("1q", "gain", True)]


@pytest.mark.parametrize("text", UNREAD)
def test_what_has_no_single_meaning_is_not_read_and_says_why(text):
    (reading,) = read_row("1q21", text, "X", WORDS).values()
    assert reading.event is None and reading.arms == []
    assert reading.reason.startswith(f"'{text}' is not read: ")


@pytest.mark.parametrize("text", BALANCED)
def test_a_balanced_rearrangement_moves_no_dose(text):
    assert {one.reason for one in read_row("14q32", text, "X", WORDS).values()} == {BALANCED_ONLY}


@pytest.mark.parametrize(
    ("region", "text", "read_as"),
    [
        ("7", "monosomy", [("7p 7q", "loss", False)]),
        ("9", "trisomy", [("9p 9q", "gain", False)]),
        ("cen9", "trisomy 9", [("9p 9q", "gain", False)]),
        ("CEP 9", "3 signals", [("9p 9q", "gain", False)]),
        ("D9Z1", "gain", [("9p 9q", "gain", False)]),
        ("9", "9号染色体三体", [("9p 9q", "gain", False)]),
        ("9", "del(9p)", [("9p", "loss", False)]),
        ("9p11-q11", "gain", [("9p 9q", "gain", False)]),
        ("1q21-q23", "gain", [("1q", "gain", False)]),
        ("chr17p13", "del(17p)", [("17p", "loss", False)]),
        ("17p13", "TP53基因缺失", [("17p", "loss", False)]),
        ("17p13", "TP53: deletion; ATM: no deletion", [("17p", "loss", False)]),
        ("1p32/1q21", "gain", [("1p", "gain", False), ("1q", "gain", False)]),
        ("1p32/1q21", "del(1p), gain 1q", [("1p", "loss", False), ("1q", "gain", False)]),
        ("1p32/1q21", "1p loss and 1q gain", [("1p", "loss", False), ("1q", "gain", False)]),
        ("13q14; 13q34", "deletion", [("13q", "loss", False)]),
        ("9q34/22q11", "t(9;22)", [("", None, False)]),
        ("t(4;14)(p16;q32)", "rearrangement", [("", None, False)]),
        ("Xq28", "gain", [("", None, False)]),
        ("centromere", "gain", [("", None, False)]),
    ],
)
def test_bands_arms_and_whole_chromosomes(region, text, read_as):
    assert read(region, text) == read_as


def test_bands_that_say_the_same_of_one_arm_stay_together():
    assert list(read_row("13q14; 13q34", "deletion", "X", WORDS)) == ["13q14/13q34"]
    assert list(read_row("9q34/22q11", "t(9;22)", "X", WORDS)) == ["9q34/22q11"]


@pytest.mark.parametrize(
    "region", ["1q21q23", "1q21~1q23", "17p13.1", "1q", "22", "X", "cen 9", "chromosome 7", "1q21 / 9"]
)
def test_regions_that_are_understood(region):
    assert read_places(region)


@pytest.mark.parametrize(
    "region", ["23", "0q1", "1r21", "q21", "nuc ish(CKS1Bx3)", "t(4;14)(p16)", "1q21,9", "TP53", "1q21 gain", ""]
)
def test_regions_that_are_refused(region):
    assert not read_places(region)


@pytest.mark.parametrize(
    ("text", "mb"),
    [("deletion, 40,5 Mb", 40.5), ("deletion 40.5 Mb", 40.5), ("deletion (350 kb)", 0.35), ("microdeletion", 0), ("fokale Deletion", 0),
     ("局灶缺失", 0), ("deletion", None), ("deletion, 1,250 kb", None), ("bifocal deletion", None)],
)  # fmt: skip
def test_the_size_of_an_event(text, mb):
    found = extent(text, WORDS)
    assert found == mb if mb is not None else found != found


def test_the_page_says_what_is_read_and_what_is_not():
    page = (PROJECT / "docs" / "usage" / "fish_reports.md").read_text()
    table = {
        line.split("|")[1].strip(): re.findall("`([^`]+)`", line.split("|")[2])
        for line in page.splitlines()
        if line.startswith("| ")
    }
    regions = ("1q21", "13q14", "17p13", "9", "7")
    for text in table["gain"]:
        assert any(read(region, text)[0][1:] == ("gain", False) for region in regions), text
    for text in table["loss"]:
        assert any(read(region, text)[0][1:] == ("loss", False) for region in regions), text
    assert all(
        read("13q14", text)[0][1:] == ("gain" if "gain" in text else "loss", True)
        for text in table["looked for, not there"]
    )
    assert all(read("14q32", text)[0][1] is None for text in table["balanced, no dose"])
    unread = re.findall(
        "`([^`]+)`",
        " ".join(
            line.split("|")[1]
            for line in page.split("why")[1].split("## Example")[0].splitlines()
            if line.startswith("| `")
        ),
    )
    assert len(unread) > 15
    assert all(read("1q21", text)[0][1] is None for text in unread if text != "no gain")


def spelled(text: str, rng: random.Random) -> str:
    """A text in another case."""
    return rng.choice((str, str.upper, str.lower, str.capitalize))(text)


def made(seed: int) -> list[tuple[str, str, bool]]:
    """(text, event, negated) from every finding of the table, in its language, in several orders and cases."""
    rng = random.Random(seed)
    by = {
        (m, language): [r["word"] for r in rows(m) if r["language"] == language]
        for m in ("no", "remark")
        for language in LANGUAGES
    }
    texts = []
    for row in rows("gain", "amplification", "loss"):
        word, language = row["word"], row["language"]
        event = "loss" if row["meaning"] == "loss" else "gain"
        if word.endswith(" del"):
            word += " 1q"
        places = ("1q21", "CKS1B", "1q21.3", "1q") if language != "zh" else ("1q21", "CKS1B")
        place = rng.choice(places)
        join = "" if language == "zh" else rng.choice((" ", "-", ": ", ", "))
        remark = rng.choice(
            (
                "(85,5 %)",
                "(CD138+)",
                "[171/200]",
                ", 2023 control sample",
                "; 1R2G",
                f"{by['remark', language][0]} 85 %",
            )
        )
        no = rng.choice(
            [
                word
                for word in by["no", language]
                if " " not in word and word not in ("ni", "weder", "noch", "Ausschluss", "nor", "neither", "Fehlen")
            ]
        )
        forms = [word, f"{place}{join}{word}", f"{word} {place}", f"{word} {remark}", f"{place} {word} {remark}"]
        if word.endswith(" 1q"):
            forms = forms[:1] + forms[3:4]
        texts += [(spelled(form, rng), event, False) for form in forms]
        gap = "" if language == "zh" else " "
        texts += [(spelled(f"{no}{gap}{word}", rng), event, True)]
    return texts


@pytest.mark.parametrize("seed", range(3))
def test_every_finding_of_the_table_in_orders_and_cases(seed):
    texts = made(seed)
    assert len(texts) > 900
    wrong = [(text, event, negated) for text, event, negated in texts if read("1q21", text) != [("1q", event, negated)]]
    assert not wrong


@pytest.mark.parametrize("seed", range(3))
def test_a_doubt_or_an_unknown_word_beside_the_finding_leaves_it_unread(seed):
    rng = random.Random(seed)
    doubts = {language: [row["word"] for row in rows("doubt") if row["language"] == language] for language in LANGUAGES}
    for row in rows("gain", "amplification", "loss"):
        word, gap = row["word"], "" if row["language"] == "zh" else " "
        doubt = rng.choice(doubts[row["language"]])
        for text in (f"{doubt}{gap}{word}", f"{word}{gap}{doubt}", f"{word}, {doubt}", f"{word} ({doubt})", f"{word}?"):
            assert read("1q21", spelled(text, rng))[0][1] is None, text
        strange = "".join(rng.choices("bcdfghjklmnpqrstvwz", k=7))
        for text in (f"{strange} {word}", f"{word} {strange}", f"{strange}, {word}"):
            assert read("1q21", spelled(text, rng))[0][1] is None, text


@pytest.mark.parametrize("seed", range(3))
def test_no_order_of_words_turns_one_event_into_the_other(seed):
    """Texts thrown together: with gains alone no loss is read, with losses alone no gain; with neither nothing is."""
    rng = random.Random(seed)
    filling = [row["word"] for row in rows("link", "remark", "no", "negative", "positive", "join", "of", "balanced")]
    filling += [
        "CD138+",
        "1R2G",
        "t(4;14)",
        "74,5 %",
        "[12/200]",
        "1q21",
        "TP53",
        "350 kb",
        "extra",
        "distribution",
        "(",
        ")",
        ",",
        ";",
    ]
    events = {
        "gain": [row["word"] for row in rows("gain", "amplification")],
        "loss": [row["word"] for row in rows("loss")],
    }
    read_texts = 0
    for _ in range(3000):
        event = rng.choice(("gain", "loss", ""))
        words = rng.choices(filling, k=rng.randint(0, 5)) + ([rng.choice(events[event])] if event else [])
        rng.shuffle(words)
        found = read("1q21", " ".join(words))[0][1]
        assert found in (None, event or None), words
        read_texts += found is not None
    assert read_texts > 100


@pytest.mark.parametrize("seed", range(3))
def test_the_place_of_a_finding_is_kept(seed):
    """del(1p) is no event of 1q, whatever the spelling."""
    rng = random.Random(seed)
    for _ in range(500):
        chromosome, arm = rng.choice(range(1, 23)), rng.choice("pq")
        other, side = rng.choice(range(1, 23)), rng.choice("pq")
        name = rng.choice(
            (
                "del({c})({a}{b})",
                "del({c}{a})",
                "{c}{a}-",
                "loss of {c}{a}{b}",
                "{c}{a}{b} deletion",
                "Verlust {c}{a}",
                "-{c}{a}",
            )
        )
        text = name.format(c=chromosome, a=arm, b=rng.randint(11, 36))
        same = (chromosome, arm) == (other, side)
        ((arms, event, _),) = read(f"{other}{side}", text)
        assert (arms, event) == ((f"{other}{side}", "loss") if same else ("", None)), (text, other, side)
