#!/usr/bin/env python3
"""The pipeline's own files, read without Nextflow: processes, the files that pass between them, the commands behind them.

python tests/helpers/architecture.py        # writes the tables of docs/architecture.md
"""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
ROOMS = ("inputs", "cells", "clones", "signals", "tumour", "report")
# How Nextflow splits a script block into words; those that name a file of bin/ are part of a task's hash.
DELIMITERS = re.compile(r"[ \t\n\r\f()\[\]{};&|<>`]+")


def tokens(script: str) -> set[str]:
    """The words of a script block, as Nextflow looks for files of bin/ among them."""
    return set(DELIMITERS.split(script)) - {""}


def without_comments(text: str) -> str:
    return re.sub(r"(?<!:)//.*", "", text)


def expanded(pattern: str) -> list[str]:
    """`{a,b}.tsv` as `a.tsv` and `b.tsv`."""
    choice = re.search(r"\{([^{}]+)\}", pattern)
    if not choice:
        return [pattern]
    return [name for word in choice[1].split(",") for name in expanded(pattern.replace(choice[0], word, 1))]


def file_names(declaration: str) -> list[str]:
    """Names of the files in a line of `output:`, `<patient>` for `${meta.patient}`, each choice of `{a,b}` by itself."""
    names = []
    for pattern in re.findall(r"path\(?\s*[\"']([^\"']+)", declaration):
        names += expanded(re.sub(r"\$\{(?:\w+\.)?(\w+)\}", r"<\1>", pattern))
    return names


@dataclass(frozen=True)
class Output:
    """A line of a process's `output:`: its emit, and its files by name, `<patient>` or `*` for what a run decides."""

    emit: str
    files: tuple[str, ...]

    def holds(self, name: str) -> bool:
        """Whether a file of this name is one of them."""
        return any(fnmatch(name, re.sub(r"<\w+>", "*", file)) for file in self.files)


@dataclass(frozen=True)
class Process:
    """A process of modules/<room>/<step>.nf."""

    name: str
    path: Path
    text: str

    @property
    def room(self) -> str:
        return self.path.parent.name

    @property
    def command(self) -> str:
        return f"{self.name.lower()}.py"

    def section(self, name: str) -> str:
        """Lines below `input:`, `output:`, `script:` or `stub:`, up to the next section or the end."""
        lines = re.search(rf"^    {name}:\n(.*?)(?=^    \w+:\n|^\}})", self.text, re.M | re.S)
        return lines[1] if lines else ""

    def declarations(self, name: str) -> list[str]:
        """Declarations of `input:` or `output:`, one string each, without comments."""
        joined = re.sub(r",\s*\n\s*", ", ", without_comments(self.section(name)))
        return [line.strip() for line in joined.splitlines() if line.strip()]

    @cached_property
    def labels(self) -> list[str]:
        return re.findall(r"^    label '(\w+)'", self.text, re.M)

    @cached_property
    def outputs(self) -> list[Output]:
        """Outputs but the versions."""
        lines = [line for line in self.declarations("output") if "emit: versions" not in line]
        return [Output((re.findall(r"emit: (\w+)", line) or [""])[0], tuple(file_names(line))) for line in lines]

    @cached_property
    def tokens(self) -> set[str]:
        """Words of the script block: of all of `script:`, Groovy lines and comments included."""
        return tokens(self.section("script"))


def read_processes(project: Path = PROJECT) -> dict[str, Process]:
    """All processes by name, in the order of rooms and of the calls in them."""
    processes = {}
    for room in ROOMS:
        paths = sorted((project / "modules" / room).glob("*.nf"))
        modules = {path: path.read_text(encoding="utf-8") for path in paths}
        called = "".join(text for text in modules.values() if re.search(r"^workflow ", text, re.M))
        order = {name: i for i, name in enumerate(re.findall(r"^\s+([A-Z]\w+)\(", called, re.M))}
        of_room = {
            name: Process(name, path, text)
            for path, text in modules.items()
            for name in re.findall(r"^process (\w+)", text, re.M)
        }
        processes |= dict(sorted(of_room.items(), key=lambda item: order.get(item[0], len(order))))
    return processes


def imports(source: Path) -> set[str]:
    """Top-level names that a Python file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.split(".")[0] for name in names}


def closure(command: Path) -> set[Path]:
    """A command and every file beside it that it imports, directly or through another."""
    reached = {command}
    while True:
        names = set().union(*map(imports, reached))
        further = {path for name in names if (path := command.with_name(f"{name}.py")).exists()} - reached
        if not further:
            return reached
        reached |= further


@dataclass(frozen=True)
class Row:
    """A row of conf/publish.config: files of a process that match a pattern go to a folder."""

    process: str
    folder: str
    pattern: str


def read_published(project: Path = PROJECT) -> list[Row]:
    """The rows of conf/publish.config."""
    text = without_comments((project / "conf" / "publish.config").read_text(encoding="utf-8"))
    rows = []
    for named in re.finditer(r"withName: '([\w|]+)' \{", text):
        block = text[named.end() : balanced(text, named.end() - 1)]
        places = re.findall(r"params\.outdir\}/([^\"]*)\"", block)
        patterns = re.findall(r"pattern: '([^']+)'", block)
        pairs = list(zip(places, patterns, strict=True))
        rows += [Row(name, *pair) for name in named[1].split("|") for pair in pairs]
    return rows


def published(process: str, file: str, rows: list[Row]) -> list[tuple[str, str]]:
    """(folder, name) of where a process's file is published; of `*.tsv` the names that the rows write out."""
    places = []
    for row in rows:
        for pattern in expanded(row.pattern) if row.process == process else []:
            # What a run decides stands for letters that no pattern writes out.
            if fnmatch(re.sub(r"<\w+>|\*", "X", file), pattern):
                places.append((row.folder, file))
            elif fnmatch(pattern, file):
                places.append((row.folder, pattern))
    return places


# What flows where: the workflows' statements, followed from main.nf.


@dataclass
class Value:
    """What an expression holds: `PROCESS.emit` and `assets/file`, all in all or by the keys of a map."""

    sources: set[str] = field(default_factory=set)
    entries: dict[str, "Value"] | None = None


def balanced(text: str, start: int) -> int:
    """Position after the bracket that closes the one at `start`; strings are passed over."""
    depth, position = 0, start
    while position < len(text):
        letter = text[position]
        if letter in "'\"":
            position = text.index(letter, position + 1)
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
            if depth == 0:
                return position + 1
        position += 1
    raise ValueError(f"no end of {text[start : start + 40]}")


def split(text: str) -> list[str]:
    """The parts between the commas that are in no bracket and no string."""
    parts, start, position = [], 0, 0
    while position < len(text):
        letter = text[position]
        if letter in "'\"":
            position = text.index(letter, position + 1)
        elif letter in "([{":
            position = balanced(text, position) - 1
        elif letter == ",":
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]


def statements(block: str) -> list[str]:
    """Statements of a workflow's `main:` or `emit:`; those inside of `if` count as its own."""
    lines = [line for line in without_comments(block).splitlines() if line.strip()]
    base = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    joined: list[str] = []
    for line in lines:
        text = line[base:]
        if text.startswith((" ", ".", ")", "]", "}")) and joined:
            joined[-1] += "\n" + text
        else:
            joined.append(text)
    flat = []
    for statement in joined:
        if re.match(r"(if|else)\b", statement):
            flat += statements(statement[statement.index("{") + 1 : statement.rindex("}")])
        else:
            flat.append(statement)
    return flat


class Flow:
    """The inputs of every process: `inputs[NAME]` is one Value per line of its `input:`."""

    def __init__(self, project: Path = PROJECT):
        self.processes = read_processes(project)
        self.inputs: dict[str, list[Value]] = {}
        self.emits_read: set[str] = set()  # PROCESS.emit and ROOM.emit
        self.workflows: dict[str, str] = {}
        for path in [project / "main.nf", *sorted(project.glob("modules/*/*.nf"))]:
            text = path.read_text(encoding="utf-8")
            for name, body in re.findall(r"^workflow (\w+) \{\n(.*?)^\}", text, re.M | re.S):
                self.workflows[name] = body
        self.assets = self._assets(project)
        self.follow("CLONEWATCH", [])

    @staticmethod
    def _assets(project: Path) -> Value:
        text = (project / "modules" / "functions" / "assets.nf").read_text(encoding="utf-8")
        files = dict(re.findall(r"(\w+): \[?(?:folder\.resolve\()?'([\w.]+)'", text))
        return Value(entries={name: Value({f"assets/{file}"}) for name, file in files.items()})

    def section(self, workflow: str, name: str) -> str:
        pattern = rf"^    {name}:\n(.*?)(?=^    (?:take|main|emit):\n|\Z)"
        lines = re.search(pattern, self.workflows[workflow], re.M | re.S)
        return lines[1] if lines else ""

    def takes(self, workflow: str) -> list[str]:
        return re.findall(r"^ +(\w+)", without_comments(self.section(workflow, "take")), re.M)

    def emitted(self, workflow: str) -> list[str]:
        return [line.split("=")[0].strip() for line in statements(self.section(workflow, "emit"))]

    def follow(self, workflow: str, given: list[Value]) -> dict[str, Value]:
        """Follow a workflow that is given these values; what it emits."""
        scope = dict(zip(self.takes(workflow), given, strict=bool(given)))
        called: dict[str, dict[str, Value]] = {}
        for statement in statements(self.section(workflow, "main")):
            if assigned := re.match(r"(?:def )?(\w+) = ", statement):
                scope[assigned[1]] = self.value(statement[assigned.end() :], scope, called)
                continue
            call = re.match(r"([A-Z]\w+)\(", statement)
            if call and (call[1] in self.processes or call[1] in self.workflows):
                end = balanced(statement, call.end() - 1)
                parts = split(statement[call.end() : end - 1])
                values = [self.value(part, scope, called) for part in parts]
                if call[1] in self.processes:
                    self.inputs[call[1]] = values
                    outputs = self.processes[call[1]].outputs
                    called[call[1]] = {o.emit: Value({f"{call[1]}.{o.emit}"}) for o in outputs}
                else:
                    called[call[1]] = self.follow(call[1], values)
            else:
                self.value(statement, scope, called)
        emitted = {}
        for statement in statements(self.section(workflow, "emit")):
            name, expression = statement.split("=", 1)
            emitted[name.strip()] = self.value(expression, scope, called)
        return emitted

    def value(self, text: str, scope: dict[str, Value], called: dict[str, dict[str, Value]]) -> Value:
        """What an expression holds."""
        text = text.strip()
        if text.startswith("[") and balanced(text, 0) == len(text):
            parts = [re.match(r"(\w+):\s*(.*)", part, re.S) for part in split(text[1:-1])]
            if parts and all(parts):
                entries = {part[1]: self.value(part[2], scope, called) for part in parts}
                return Value(set().union(*(entry.sources for entry in entries.values())), entries)
        if text in scope:
            return scope[text]
        if text.startswith("assetFiles("):
            return self.assets
        sources: set[str] = set()
        self._collect(text, scope, called, frozenset(), sources)
        return Value(sources)

    def _collect(self, text, scope, called, bound: frozenset, sources: set[str]) -> None:
        """Add the sources that a text refers to; `bound` are parameters of the closures around it."""
        plain, position = "", 0
        while position < len(text):
            letter = text[position]
            if letter in "'\"":
                position = text.index(letter, position + 1) + 1
                plain += "''"
            elif letter == "{":
                end = balanced(text, position)
                inside = text[position + 1 : end - 1]
                parameters = re.match(r"\s*([\w\s,]+?)\s*->", inside)
                names = [name.strip() for name in parameters[1].split(",")] if parameters else []
                body = inside[parameters.end() if parameters else 0 :]
                self._collect(body, scope, called, bound | set(names), sources)
                unused = bool(names) and names[-1].startswith("_")
                chosen = re.search(r"\.endsWith\('([^']+)'\)", body)
                plain += "{_}" if unused or ".splitCsv(" in body else f"{{{chosen[1]}}}" if chosen else " "
                position = end
            else:
                plain, position = plain + letter, position + 1
        for name, emit in re.findall(r"\b([A-Z]\w*)\.out\.(\w+)", plain):
            self.emits_read.add(f"{name}.{emit}")
        # A table whose rows become values, and a file that the next closure leaves out, pass no file on.
        plain = re.sub(r"[\w.]+\s*\.(?:splitCsv\(|(?:map|flatMap) \{_\})", "", plain)
        # Of some files only those whose names end so.
        for text, end in re.findall(r"([\w.]+)\.filter \{([\w.]+)\}", plain):
            sources |= {source for source in self.value(text, scope, called).sources if self._ends(source, end)}
        plain = re.sub(r"[\w.]+\.filter \{[\w.]+\}", "", plain)
        for name, emit in re.findall(r"\b([A-Z]\w*)\.out\.(\w+)", plain):
            if emit in called.get(name, {}):
                sources |= called[name][emit].sources
        for name, key in re.findall(r"(?<![\w.])([a-z]\w*)\b(?:\.(\w+))?(?!\s*(?::|\())", plain):
            if name in scope and name not in bound:
                entries = scope[name].entries or {}
                sources |= (entries[key] if key in entries else scope[name]).sources

    def _ends(self, source: str, end: str) -> bool:
        process, emit = source.split(".")
        outputs = [output for output in self.processes[process].outputs if output.emit == emit]
        return any(file.endswith(end) for output in outputs for file in output.files)

    def reads(self, process: str) -> set[str]:
        """`PROCESS.emit` and `assets/file` that a process is given."""
        return set().union(*(value.sources for value in self.inputs.get(process, [])))


# The page: one table per room.

PAGE = PROJECT / "docs" / "architecture.md"
FIRST, LAST = "<!-- written by tests/helpers/architecture.py -->", "<!-- end of what it writes -->"
EVERYWHERE = {"_cli", "_errors"}  # modules of every command


def code(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


def what_is_read(flow: Flow, process: str) -> str:
    """`PROCESS` with the files of it that a process is given, then tables of assets/."""
    wanted = flow.reads(process)
    cells, reports = [], []
    for name, other in flow.processes.items():
        outputs = [output for output in other.outputs if f"{name}.{output.emit}" in wanted]
        files = [file for output in outputs for file in output.files if not file.endswith("_mqc.json")]
        if files:
            cells.append(f"{name} {code(files)}")
        if any(file.endswith("_mqc.json") for output in outputs for file in output.files):
            reports.append(name)
    if reports:
        cells.append(f"`*_mqc.json` of {', '.join(reports)}")
    cells.append(code(sorted(source for source in wanted if source.startswith("assets/"))))
    return "; ".join(cell for cell in cells if cell)


def what_is_written(process: Process, rows: list[Row]) -> str:
    """A process's files: what is published, by folder, then what only other steps read."""
    places: dict[str, list[str]] = {}
    for file in dict.fromkeys(file for output in process.outputs for file in output.files):
        for folder, name in published(process.name, file, rows) or [("", file)]:
            places.setdefault(folder, []).append(name)
    cells = [f"`{folder}/`: {code(dict.fromkeys(files))}" for folder, files in places.items() if folder]
    return "; ".join([*cells, *([code(places[""])] if "" in places else [])])


def tables(project: Path = PROJECT) -> str:
    """The tables of docs/architecture.md."""
    flow, rows = Flow(project), read_published(project)
    lines = []
    for room in ROOMS:
        lines += [f"\n### {room}\n", "| process, command | modules | reads | writes |", "|---|---|---|---|"]
        for name, process in flow.processes.items():
            if process.room == room:
                stems = {path.stem for path in closure(project / "bin" / process.command)}
                modules = code(sorted(stems - EVERYWHERE - {name.lower()}))
                cells = [f"{name} `{process.command}`", modules]
                cells += [what_is_read(flow, name), what_is_written(process, rows)]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def page(text: str, written: str) -> str:
    """The page with its tables replaced."""
    before, rest = text.split(FIRST)
    return f"{before}{FIRST}\n{written}\n{LAST}{rest.split(LAST)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), tables()), encoding="utf-8")
