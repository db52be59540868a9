"""What `nextflow run` says to a user before anything is computed."""

import json
import re
import subprocess

import jsonschema
import pytest

from pipeline.conftest import PROJECT, environment, nextflow_run

SCHEMA = json.loads((PROJECT / "nextflow_schema.json").read_text())
PARAMETERS = {name: entry for group in SCHEMA["$defs"].values() for name, entry in group["properties"].items()}


def test_help_names_every_parameter_with_its_default(tmp_path):
    run = nextflow_run(tmp_path, "--help")
    assert run.status == 0
    for name, entry in PARAMETERS.items():
        assert f"--{name} " in run.printed
        assert entry["description"] in run.printed
    assert re.search(r"--min_umi +integer \[1000\]", run.printed)
    assert not any((tmp_path / "work").rglob("*"))


def test_mistyped_parameters_wrong_values_and_missing_files_are_told_all_at_once(tmp_path):
    wrong = [
        "--inptu",
        "samples.csv",
        "--min_cells",
        "1.5",
        "--max_mito",
        "200",
        "--max_hb",
        "0",
        "--qc",
        "strict",
        "--keep_going",
        "maybe",
        "--mrd",
        "nowhere.csv",
        "--fish",
        tmp_path,
    ]
    run = nextflow_run(tmp_path, *wrong, "--max_memory", "lots")
    assert run.status != 0
    for sentence in (
        "10 problems",
        "no parameter --inptu: did you mean --input?",
        "--input is missing",
        "--min_cells is a whole number, not '1.5'",
        "--max_mito is at most 100, not 200",
        "--max_hb is more than 0, not 0",
        "--qc is one of fixed, adaptive, not 'strict'",
        "--keep_going is true or false, not 'maybe'",
        "--max_memory 'lots'",
        "--mrd nowhere.csv: there is no such file",
        f"--fish {tmp_path} is a folder",
    ):
        assert sentence in run.printed


def test_defaults_of_schema_and_configuration_are_the_same(tmp_path):
    shown = subprocess.run(
        ["nextflow", "config", "-flat", PROJECT], env=environment(), cwd=tmp_path, capture_output=True, text=True
    ).stdout
    configured = dict(re.findall(r"^params\.(\w+) = (.*)$", shown, flags=re.MULTILINE))
    assert configured.keys() == PARAMETERS.keys()
    for name, entry in PARAMETERS.items():
        default = entry.get("default")
        text = "null" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
        assert configured[name].strip("'") == text, name


def test_the_schema_is_valid_and_its_defaults_follow_it():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    defaults = {name: entry["default"] for name, entry in PARAMETERS.items() if "default" in entry}
    jsonschema.Draft202012Validator(SCHEMA).validate({"input": "samples.csv", **defaults})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate({"input": "samples.csv", "max_mito": 200})


def test_launch_forms_can_show_every_parameter():
    """Forms are made of the groups: what they know of a parameter, and nothing they would leave out."""
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert [part["$ref"] for part in SCHEMA["allOf"]] == [f"#/$defs/{name}" for name in SCHEMA["$defs"]]
    for group in SCHEMA["$defs"].values():
        assert group["title"] and group["type"] == "object"
        assert set(group.get("required", [])) <= set(group["properties"])
    numbers = {"minimum", "maximum", "exclusiveMinimum"}
    for name, entry in PARAMETERS.items():
        assert entry["type"] in ("string", "integer", "number", "boolean"), name
        assert entry["description"].endswith("."), name
        allowed = {"format", "pattern", "enum"} if entry["type"] == "string" else numbers
        assert set(entry) <= {"type", "description", "default", "hidden"} | allowed, name
        assert entry.get("format", "file-path") in ("file-path", "directory-path"), name
    assert sum(len(group["properties"]) for group in SCHEMA["$defs"].values()) == len(PARAMETERS)


def test_results_are_never_moved_away_from_the_tasks_that_read_them():
    assert "move" not in PARAMETERS["publish_mode"]["enum"]


FREE = [name for name, entry in PARAMETERS.items() if entry["type"] == "string" and not {"enum", "format"} & set(entry)]


@pytest.mark.parametrize("name", FREE)
def test_no_parameter_is_a_text_of_any_form(name):
    """Within apostrophes, as --focus and --car, only an apostrophe ends a word; others stand as they are given."""
    ends = (
        ["a'; touch x; '"]
        if name in ("focus", "car")
        else ["a\ntouch x"]
        if name == "cluster_options"
        else ["a; touch x", "$(touch x)", "`touch x`", "a'b"]
    )
    assert not any(re.fullmatch(PARAMETERS[name]["pattern"], text) for text in ends)


@pytest.mark.parametrize("name", ["focus", "car"])
def test_what_a_task_quotes_holds_no_apostrophe(name):
    pattern = PARAMETERS[name]["pattern"]
    assert not re.fullmatch(pattern, "NK'; touch x'")
    for text in ("plasma", "CD4 T,CD56dim", "FMC63.*|anti-BCMA"):
        assert re.fullmatch(pattern, text)


def test_every_kind_of_export_is_known_to_the_command():
    from export import KINDS

    chosen = PARAMETERS["export"]["enum"]
    assert {kind for choice in chosen for kind in choice.split(",")} == {*KINDS, "none"}
