"""Damaged and hostile files, found by chance: they are refused in one line, or judged, and nothing else.

A few examples every day and many in the large tests; `make fuzz` goes on for as many as one likes. What once
failed is kept in `corpus/`, which every run of the tests goes through first.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest

from tsofence.specs import scenario

from . import oracles
from .damage import damaged, one_damaged, one_with_unreadable_lines
from .examples import each, examples

CORPUS = Path(__file__).parent / "corpus"
TESTS = CORPUS.parents[1]
RUNS = sorted(TESTS.glob("runs/*.json")) + sorted(CORPUS.glob("runs/*"))
RECORDED = sorted(CORPUS.glob("recordings/*"))
FILES = RECORDED + sorted(CORPUS.glob("files/*"))
#: what the recorded cluster had, and what it had not
UNFENCED, FENCED = ("off",), ("check-tso-primary",)
SCENARIOS = sorted(CORPUS.glob("scenarios/*"))


def with_one_instead(folder: Path, name: str, content: bytes) -> list[Path]:
    """The recorded files, but another content in one of them."""
    path = folder / name
    path.write_bytes(content)
    return [path if other.name == name else other for other in RECORDED]


def plain(path: Path) -> bytes:
    content = path.read_bytes()
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):  # it is not packed, or damaged
        return content


def seeds(paths: list[Path]) -> list[bytes]:
    return [*map(plain, paths), *(path.read_bytes() for path in paths if path.suffix == ".gz")]


def shipped() -> list[bytes]:
    folder = Path(scenario.__file__).parent / "scenarios"
    return [path.read_bytes() for path in sorted(folder.glob("*.toml"))]


# --- what was kept ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_recordings_that_were_kept(path: Path) -> None:
    oracles.recording([path], FENCED)


def test_kept_recordings_together() -> None:
    found = oracles.recording([CORPUS / "recordings"])
    assert found is not None
    assert [verdict.conforms for verdict in found.fences] == [True, False]


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.name)
def test_runs_that_were_kept(path: Path) -> None:
    oracles.run_file(path)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.name)
def test_scenarios_that_were_kept(path: Path) -> None:
    oracles.scenario_file(path)


# --- decoders --------------------------------------------------------------------------------------


@examples(30, 150)
def test_one_damaged_file(number: int, tmp_path: Path) -> None:
    path = tmp_path / "file"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        oracles.recording([path], FENCED)

    each(damaged(seeds(FILES)), number, check)


@examples(4, 10)
def test_a_damaged_parquet_file(number: int, tmp_path: Path) -> None:
    """Which others read as well, but each in a process of its own."""
    path = tmp_path / "file"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        oracles.recording([path], FENCED)

    each(damaged([(CORPUS / "files" / "parquet").read_bytes()]), number, check)


@examples(3, 15)
def test_one_damaged_file_beside_others(number: int, tmp_path: Path) -> None:
    def check(damage: tuple[str, bytes]) -> None:
        oracles.recording(with_one_instead(tmp_path, *damage), UNFENCED)

    each(one_damaged({path.name: seeds([path]) for path in RECORDED}), number, check)


@examples(30, 150)
def test_a_damaged_run_file(number: int, tmp_path: Path) -> None:
    path = tmp_path / "run.json"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        oracles.run_file(path)

    each(damaged(seeds(RUNS)), number, check)


@examples(100, 250)
def test_a_damaged_scenario(number: int, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        oracles.scenario_file(path)

    each(damaged([*shipped(), *seeds(SCENARIOS)]), number, check)


# --- verdicts --------------------------------------------------------------------------------------


@examples(3, 15)
def test_lines_that_cannot_be_read_accuse_nobody(number: int, tmp_path: Path) -> None:
    """Between the lines of a file, or in their place: a verdict stays, or is unknown."""
    undamaged = oracles.recording(RECORDED, UNFENCED)
    assert undamaged is not None
    assert [verdict.conforms for verdict in undamaged.fences] == [True]
    before = {judged.property: judged.verdict for judged in undamaged.properties}

    def check(damage: tuple[str, bytes]) -> None:
        found = oracles.recording(with_one_instead(tmp_path, *damage), UNFENCED)
        assert found is not None
        for judged in found.properties:
            assert judged.verdict in (before[judged.property], "unknown"), judged
        assert found.fences[0].conforms is not False, found.fences

    each(one_with_unreadable_lines({path.name: plain(path) for path in RECORDED}), number, check)


# --- the whole command -----------------------------------------------------------------------------


@examples(10, 50)
def test_replay_of_anything(number: int, tmp_path: Path) -> None:
    """1 is said of what is violated or refused, and of nothing else."""
    path = tmp_path / "x[red]"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        status, found = oracles.command("replay", str(path), "--fence", "off")
        if status != 2:
            violated = "violated" in {judged["verdict"] for judged in found["properties"]}
            refused = False in {verdict["conforms"] for verdict in found["fences"]}
            assert (status == 1) == (violated or refused)

    each(damaged(seeds([*FILES, *RUNS])), number, check)


@examples(8, 30)
def test_explore_of_anything(number: int, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    asked = ("--fence", "off", "--max-states", "50", "--engine", "plain")

    def check(content: bytes) -> None:
        path.write_bytes(content)
        status, found = oracles.command("explore", "--scenario", str(path), *asked)
        if status != 2:
            properties = [judged for result in found["results"] for judged in result["properties"]]
            assert (status == 1) == ("violated" in {judged["verdict"] for judged in properties})

    each(damaged(shipped()), number, check)
