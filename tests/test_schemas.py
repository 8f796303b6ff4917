"""The schemas of documents: published as they are made, and strict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from tsofence.cli import main
from tsofence.specs import scenario
from tsofence.traces.tell import schemas

from .documents import read_document
from .worlds import TINY

ROOT = Path(__file__).parents[1]
RUN = ROOT / "tests" / "runs" / "rolling-upgrade.off.unique.json"


def call(*args: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in args])


def objects(schema: object) -> Iterator[dict[str, Any]]:
    """Every object with keys of its own that a schema describes."""
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            yield schema
        for each in schema.values():
            yield from objects(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from objects(each)


@pytest.mark.parametrize("name", schemas.MEANINGS)
def test_a_schema_is_published_as_it_is_made(name: str) -> None:
    made = schemas.schema(name)
    Draft202012Validator.check_schema(made)
    published = (ROOT / "docs" / "schema" / f"{name}.json").read_text(encoding="utf-8")
    assert json.loads(published) == made, "run make schema"
    assert json.loads(call("list", "schema", name).stdout) == made


@pytest.mark.parametrize("name", schemas.MEANINGS)
def test_a_key_that_no_schema_has_is_refused(name: str) -> None:
    found = list(objects(schemas.schema(name)))
    assert found
    assert all(each["additionalProperties"] is False for each in found)


def test_every_schema_is_made_and_listed() -> None:
    assert {path.stem for path in (ROOT / "docs" / "schema").iterdir()} == {*schemas.MEANINGS}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"SCHEMAS := {' '.join(schemas.MEANINGS)}\n" in makefile
    listed = call("list", "schemas").stdout
    assert all(f"{name} " in listed for name in schemas.MEANINGS)


def test_what_commands_write_keeps_to_it(tmp_path: Path) -> None:
    world = tmp_path / "tiny.toml"
    world.write_text(TINY)
    runs = tmp_path / "runs"
    asked = ("explore", "--scenario", world, "--property", "one-live", "--runs", runs, "--quiet")
    found = read_document(call(*asked, "--json", "-").stdout)
    written = found["results"][0]["properties"][0]["run"]
    assert read_document(Path(written).read_text(encoding="utf-8"))["breaks"] == "one-live"
    assert read_document(call("show", written, "--to", "json").stdout)["cause"] is not None
    again = read_document(call("replay", written, "--quiet", "--json", "-").stdout)
    assert "one-live" in {each["property"] for each in again["properties"] if each["count"]}


def test_a_new_key_is_noticed() -> None:
    document = json.loads(RUN.read_text(encoding="utf-8"))
    read_document(json.dumps(document))
    for change in ({"more": 1}, {"fence": None}, {"servers": {"pd1": "none"}}):
        with pytest.raises(AssertionError):
            read_document(json.dumps({**document, **change}))


@pytest.mark.parametrize("name", scenario.names())
def test_a_scenario_is_printed_as_it_stands(name: str, tmp_path: Path) -> None:
    mine = tmp_path / f"{name}.toml"
    mine.write_text(call("list", "scenario", name).stdout, encoding="utf-8")
    assert scenario.load(str(mine)) == scenario.load(name)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("scenario",), "list scenario needs a name: tsofence list scenarios says which there are"),
        (("scenario", "none"), "unknown scenario 'none'; choose from rolling-upgrade"),
        (("schema", "none"), "unknown schema 'none'; choose from explore"),
        (("fences", "off"), "only scenario and schema take a name: leave out 'off'"),
    ],
)
def test_what_is_not_there_is_one_line(args: tuple[str, ...], said: str) -> None:
    ended = call("list", *args)
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)
    assert said in ended.stderr
