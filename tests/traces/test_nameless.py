"""Files of timestamps that say neither who asked nor which server: what others have as well is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsofence.traces.judge.exact import judge
from tsofence.traces.judge.judgement import Judgement
from tsofence.traces.sources import reading

ONE, TWO, THREE = (447201033313058816 + (each << 18) for each in range(3))
NAMED = '{"client":"c","endpoint":"http://a:1","start_unix_ns":%d,"end_unix_ns":%d,"tso":%d}\n'


def unique(folder: Path, **files: str) -> Judgement:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    (found,) = judge(reading.read([folder]), ["unique"])
    return found


def named(*values: int) -> str:
    begins = range(1705243681100000001, 1705243691100000001, 10**9)
    return "".join(NAMED % (at, at + 1000, value) for at, value in zip(begins, values, strict=False))


def table(*values: int) -> str:
    lines = (f"2024-01-14 22:50:0{at}.120,{value}" for at, value in enumerate(values))
    return "\n".join(["time,tso", *lines, ""])


def alone(*values: int) -> str:
    return "".join(f"{value}\n" for value in values)


@pytest.mark.parametrize(
    "files",
    [
        {"a_jsonl": named(ONE, TWO), "b_csv": table(ONE, THREE)},
        {"a_jsonl": named(ONE, TWO), "b_txt": alone(TWO, THREE)},
        {"a_csv": table(ONE, TWO), "b_csv": table(THREE, TWO)},
    ],
)
def test_what_a_file_without_names_has_in_common_is_open(files: dict[str, str], tmp_path: Path) -> None:
    found = unique(tmp_path, **files)
    assert found.verdict == "unknown"
    assert "says neither who asked nor which server: one call told twice, or two" in found.note


@pytest.mark.parametrize(
    "files",
    [
        {"a_jsonl": named(ONE, TWO), "b_csv": table(THREE, THREE)},
        {"a_jsonl": named(ONE, ONE), "b_txt": alone(ONE, THREE)},
        {"a_csv": table(ONE, TWO, ONE)},
    ],
)
def test_what_one_file_has_twice_is_granted_twice(files: dict[str, str], tmp_path: Path) -> None:
    assert unique(tmp_path, **files).verdict == "violated"


def test_nothing_in_common_is_nothing_open(tmp_path: Path) -> None:
    assert unique(tmp_path, a_jsonl=named(ONE), b_csv=table(TWO, THREE)).verdict == "holds"
