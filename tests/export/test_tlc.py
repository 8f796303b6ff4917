"""TLC on exported modules: states, steps and verdicts are those that tsofence finds without reductions.

TLC runs where `TLA2TOOLS_JAR` names its jar; the numbers are pinned, and found by the plain interpreter.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tsofence.model.variants import fences
from tsofence.specs import scenario
from tsofence.traces.export.export import export

from .plainly import search
from .tlaplus import Found

#: scenario, fence or build, ticks: distinct states, states generated, levels, and steps to each violation
PINNED: dict[tuple[str, str, int], tuple[int, int, int, dict[str, int]]] = {
    ("rolling-upgrade", "off", 1): (
        2_469,
        5_228,
        24,
        {"single-writer": 7, "one-live": 13, "real-time": 14, "unique": 17},
    ),
    ("rolling-upgrade", "check-tso-primary", 1): (1_377, 3_037, 25, {"one-live": 14, "real-time": 15}),
    ("rolling-upgrade", "save-cas", 1): (
        2_151,
        4_774,
        24,
        {"single-writer": 7, "one-live": 13, "real-time": 14},
    ),
    ("rolling-upgrade", "hook", 1): (1_455, 3_203, 25, {"one-live": 14, "real-time": 15}),
    ("rolling-upgrade", "wait-out", 1): (
        1_335,
        2_690,
        24,
        {"single-writer": 7, "one-live": 14, "real-time": 15, "unique": 17},
    ),
    ("client-sync", "off", 1): (
        9_069,
        23_278,
        25,
        {"single-writer": 7, "one-live": 13, "real-time": 14, "unique": 17},
    ),
    ("client-sync", "check-tso-primary", 1): (
        4_420,
        11_579,
        24,
        {"one-live": 14, "real-time": 15, "unique": 20},
    ),
    ("client-sync", "save-cas", 1): (
        7_965,
        22_295,
        25,
        {"single-writer": 7, "one-live": 13, "real-time": 14},
    ),
    ("client-sync", "hook", 1): (4_669, 12_140, 24, {"one-live": 14, "real-time": 15, "unique": 20}),
    ("client-sync", "wait-out", 1): (
        4_933,
        12_459,
        22,
        {"single-writer": 7, "one-live": 14, "real-time": 15, "unique": 17},
    ),
    ("intervals-differ", "off", 1): (
        5_767,
        14_591,
        25,
        {"single-writer": 7, "one-live": 13, "unique": 14, "real-time": 14},
    ),
    ("intervals-differ", "check-tso-primary", 1): (
        3_569,
        8_895,
        26,
        {"one-live": 14, "real-time": 15, "unique": 17},
    ),
    ("intervals-differ", "save-cas", 1): (
        4_869,
        12_715,
        25,
        {"single-writer": 7, "one-live": 13, "real-time": 14},
    ),
    ("intervals-differ", "hook", 1): (3_703, 9_209, 26, {"one-live": 14, "real-time": 15, "unique": 17}),
    ("intervals-differ", "wait-out", 1): (
        3_598,
        9_041,
        25,
        {"single-writer": 7, "one-live": 13, "unique": 14, "real-time": 14},
    ),
    ("lost-answer", "off", 1): (
        4_636,
        10_950,
        25,
        {"single-writer": 7, "one-live": 13, "real-time": 14, "unique": 17},
    ),
    ("lost-answer", "check-tso-primary", 1): (2_619, 6_323, 27, {"one-live": 14, "real-time": 15}),
    ("lost-answer", "save-cas", 1): (
        4_177,
        10_358,
        25,
        {"single-writer": 7, "one-live": 13, "real-time": 14},
    ),
    ("lost-answer", "hook", 1): (2_743, 6_638, 27, {"one-live": 14, "real-time": 15}),
    ("lost-answer", "wait-out", 1): (
        1_835,
        4_349,
        23,
        {"single-writer": 7, "one-live": 14, "real-time": 15, "unique": 17},
    ),
    ("registry-lag", "off", 1): (
        16_610,
        51_914,
        36,
        {"single-writer": 9, "one-live": 15, "real-time": 16, "session": 18, "unique": 19},
    ),
    ("registry-lag", "check-tso-primary", 1): (
        16_610,
        51_914,
        36,
        {"single-writer": 9, "one-live": 15, "real-time": 16, "session": 18, "unique": 19},
    ),
    ("registry-lag", "save-cas", 1): (
        14_705,
        47_391,
        36,
        {"single-writer": 9, "one-live": 15, "real-time": 16, "session": 18},
    ),
    ("registry-lag", "hook", 1): (
        16_610,
        51_914,
        36,
        {"single-writer": 9, "one-live": 15, "real-time": 16, "session": 18, "unique": 19},
    ),
    ("registry-lag", "wait-out", 1): (
        4_459,
        13_576,
        28,
        {"single-writer": 9, "one-live": 16, "real-time": 17, "unique": 19, "session": 19},
    ),
    ("tso-restart", "off", 1): (
        8_514,
        19_612,
        32,
        {"single-writer": 7, "one-live": 13, "real-time": 14, "unique": 17},
    ),
    ("tso-restart", "check-tso-primary", 1): (
        5_757,
        13_379,
        33,
        {"one-live": 14, "real-time": 15, "unique": 20},
    ),
    ("tso-restart", "save-cas", 1): (
        7_642,
        18_490,
        32,
        {"single-writer": 7, "one-live": 13, "real-time": 14},
    ),
    ("tso-restart", "hook", 1): (6_026, 13_976, 33, {"one-live": 14, "real-time": 15, "unique": 20}),
    ("tso-restart", "wait-out", 1): (
        3_294,
        7_726,
        25,
        {"single-writer": 7, "one-live": 14, "real-time": 15, "unique": 17},
    ),
    ("clock-skew", "off", 0): (
        11_856,
        28_365,
        29,
        {"single-writer": 7, "one-live": 13, "real-time": 14, "unique": 16},
    ),
    ("clock-skew", "check-tso-primary", 0): (6_378, 16_141, 22, {"one-live": 14, "real-time": 15}),
    ("rolling-upgrade", "release-8.5", 1): (
        2_186,
        4_607,
        22,
        {"single-writer": 6, "one-live": 11, "real-time": 12, "unique": 15},
    ),
    ("rolling-upgrade", "pull-8780", 1): (
        2_469,
        5_228,
        24,
        {"single-writer": 7, "one-live": 13, "real-time": 14, "unique": 17},
    ),
    ("rolling-upgrade", "master-2026-08", 1): (
        2_469,
        5_228,
        24,
        {"single-writer": 7, "one-live": 13, "real-time": 14, "unique": 17},
    ),
    ("rolling-upgrade", "release-6.5", 1): (
        2_513,
        5_225,
        20,
        {"single-writer": 5, "key-monotone": 8, "one-live": 9, "unique": 10, "real-time": 10},
    ),
    ("rolling-upgrade", "release-7.5", 1): (
        2_888,
        6_137,
        27,
        {"single-writer": 6, "one-live": 11, "real-time": 12, "unique": 15},
    ),
    ("rolling-upgrade", "nextgen-8.5.4", 1): (
        2_469,
        5_228,
        24,
        {"single-writer": 7, "one-live": 13, "real-time": 14, "unique": 17},
    ),
}
#: small enough for every day
_SMALL = 3_000
_EVERY_DAY = [key for key, (states, *_) in PINNED.items() if states < _SMALL and key[0] == "rolling-upgrade"]
_KEYS = [key if key in _EVERY_DAY else pytest.param(*key, marks=pytest.mark.large) for key in PINNED]

jar = os.environ.get("TLA2TOOLS_JAR", "")
needs_tlc = pytest.mark.skipif(not jar, reason="TLA2TOOLS_JAR names no jar of TLC")


def system(name: str) -> str:
    """A build by its name, or a fence."""
    return (
        fences.of_build(name, fences.NONE)
        if name.startswith(("release", "pull", "master", "nextgen"))
        else name
    )


@pytest.mark.parametrize(("world", "name", "ticks"), _KEYS)
def test_pinned_numbers_are_those_of_the_plain_interpreter(world: str, name: str, ticks: int) -> None:
    expected = Found(*PINNED[world, name, ticks])
    assert search(scenario.load(world), system(name), ticks) == expected


def tlc(folder: Path, configuration: str) -> str:
    (folder / "M.cfg").write_text(configuration)
    command = [
        "java",
        "-Xmx1g",
        "-XX:+UseSerialGC",
        "-cp",
        jar,
        "tlc2.TLC",
        "-workers",
        "1",
        "-noGenerateSpecTE",
        "M",
    ]
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout


@needs_tlc
@pytest.mark.parametrize(("world", "name", "ticks"), _KEYS)
def test_tlc_finds_the_same(world: str, name: str, ticks: int, tmp_path: Path) -> None:
    states, generated, depth, violated = PINNED[world, name, ticks]
    made = export(scenario.load(world), system(name), [], ticks=ticks, name="M")
    (tmp_path / "M.tla").write_text(made.module)
    formulas = {
        re.sub("[A-Z]", lambda m: "-" + m[0].lower(), f)[1:]: f
        for f in re.findall(r"PROPERTY (\w+)", made.bounded)
    }
    plain = re.sub(r"PROPERTY .*\n", "", made.bounded)
    holding = "".join(f"PROPERTY {formula}\n" for name, formula in formulas.items() if name not in violated)
    said = tlc(tmp_path, holding + plain)
    assert "No error has been found" in said, said
    assert f"{generated} states generated, {states} distinct states found, 0 states left" in said
    assert f"The depth of the complete state graph search is {depth}." in said
    for broken, steps in violated.items():
        said = tlc(tmp_path, f"PROPERTY {formulas[broken]}\n{plain}")
        assert f"Action property {formulas[broken]} is violated" in said, said
        assert len(re.findall(r"^State \d+:", said, re.MULTILINE)) == steps + 1
