"""The runs of the last search: kept as a whole, shown by name; no place for them costs no verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tsofence import cli
from tsofence.checker.processes import matrix
from tsofence.checker.search.findings import Exploration, Finding
from tsofence.traces.runs import files, last

RUNS = Path(__file__).parent / "runs"
UNIQUE = files.load(RUNS / "tso-restart.check-tso-primary.unique.json")
REAL_TIME = files.load(RUNS / "rolling-upgrade.check-tso-primary.real-time.json")
OFF = files.load(RUNS / "rolling-upgrade.off.unique.json")
FOUND = {
    ("off", "unique"): OFF,
    ("check-tso-primary", "unique"): UNIQUE,
    ("check-tso-primary", "real-time"): REAL_TIME,
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "tsofence" / "last.json"


def ends(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(args)
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


@pytest.mark.usefixtures("cache")
def test_a_run_is_shown_by_its_property_and_its_fence(capsys: pytest.CaptureFixture[str]) -> None:
    assert last.keep("tsofence explore", FOUND)
    for word in ("real-time", "check-tso-primary.real-time"):
        status, shown, _ = ends(capsys, "show", "last", word)
        assert (status, shown.splitlines()[0]) == (0, REAL_TIME.title)
    assert last.load(["check-tso-primary", "unique"]) == UNIQUE
    assert last.load(["off"]) == OFF


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["unique"], "found 2 of unique: off.unique, check-tso-primary.unique; name one: tsofence show"),
        ([], "found 3: check-tso-primary.real-time, off.unique, check-tso-primary.unique; name one"),
        (["session"], "check-tso-primary.unique; not 'session'; name one of those"),
    ],
)
def test_a_name_that_is_none_or_several(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    last.keep("tsofence explore --scenario x", FOUND)
    status, shown, told = ends(capsys, "show", "last", *words)
    (line,) = told.splitlines()
    assert (status, shown) == (2, "")
    assert "(tsofence explore --scenario x)" in line
    assert " ".join(says.split()) in line


def test_nothing_is_kept(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "none is kept; find it again" in ends(capsys, "show", "last", "unique")[2]
    last.keep("tsofence prove", {})
    assert "tsofence prove), which found none" in ends(capsys, "show", "last")[2]
    for damaged in ("", "{", "[]", '{"format": "tsofence last", "command": "x", "runs": {"off.unique": 3}}'):
        cache.write_text(damaged)
        status, _, told = ends(capsys, "show", "last")
        assert (status, len(told.splitlines())) == (2, 1)
    cache.write_text(json.dumps({"format": "tsofence last", "command": "x", "runs": {"off.unique": "{}"}}))
    assert "last off.unique: expected a run file" in ends(capsys, "show", "last")[2]


@pytest.mark.usefixtures("cache")
def test_a_file_has_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, told = ends(capsys, "show", "run.json", "unique")
    assert (status, "a file has one run; leave out unique" in told) == (2, True)


def test_so_much_is_kept_and_no_more(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = len(files.dumps(OFF)) + len(files.dumps(REAL_TIME))
    monkeypatch.setattr(last, "MAX_BYTES", room)
    assert last.keep("tsofence explore", FOUND)
    assert list(json.loads(cache.read_text())["runs"]) == ["check-tso-primary.real-time", "off.unique"]


def explore_all(*_: object, done: object, **__: object) -> None:
    assert callable(done)
    findings = (Finding("unique", "violated", 20, UNIQUE), Finding("real-time", "violated", 15, REAL_TIME))
    done(Exploration("tiny", "check-tso-primary", 10, 20, 3, 0.1, (), (), (), (), findings))


@pytest.mark.parametrize("there", [True, False])
def test_a_cache_that_cannot_be_written_costs_no_verdict(
    *, there: bool, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(matrix, "explore_all", explore_all)
    if not there:
        cache.parent.write_text("a file where the folder should be")
    status, told, errors = ends(capsys, "explore", "--fence", "check-tso-primary")
    assert (status, errors) == (1, "")
    assert ("1 more: tsofence show last check-tso-primary.unique (20 steps)" in told) is there
    assert ("1 more: --runs DIR writes them" in told) is not there
    assert told.count(" under check-tso-primary in ") == 1, "one run is told, the shortest"
    assert REAL_TIME.title in told
