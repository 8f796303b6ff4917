"""A healthy recording whose logs have lost lines is never accused: it conforms, or it is said why not."""

import random
from pathlib import Path

import pytest

from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.observation import BadInput
from tsofence.traces.sources.reading import read

from ..amount import some
from ..holes import with_holes
from .test_planted import BUILDS, clean

QUICK = ("pr-client-sync-small", "upgrade-fenced-debug", "clock-jump", "r85-transfer-small")


def verdicts(name: str, seed: int, folder: Path) -> list[tuple[bool | None, str]]:
    holed = with_holes(clean(name), random.Random(f"{name} {seed}"))
    holed.write(folder / str(seed))
    try:
        trace = read([folder / str(seed)])
    except BadInput:
        return []  # a log of which nothing is left that is a log
    return [(each.conforms, each.note) for each in replay(trace, [BUILDS[name]], properties=()).fences]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", QUICK)
def test_a_log_with_holes_is_not_accused(name: str, seed: int, tmp_path: Path) -> None:
    for conforms, note in verdicts(name, seed, tmp_path):
        assert conforms or (conforms is None and note)


@pytest.mark.large
@pytest.mark.parametrize("name", BUILDS)
def test_no_log_with_holes_is_accused(name: str, tmp_path: Path) -> None:
    for seed in some(range(100, 130), 8):
        for conforms, note in verdicts(name, seed, tmp_path):
            assert conforms or (conforms is None and note), seed


@pytest.mark.parametrize("word", ["failed", "reset", "sync and save", "clock offset", "campaign"])
def test_a_filtered_log_is_not_accused(word: str, tmp_path: Path) -> None:
    name = "clock-jump"
    recording = clean(name)
    for log in recording.logs():
        kept = {number for number, line in enumerate(recording.files[log]) if word.encode() not in line}
        filtered = recording.without(log, {*range(len(recording.files[log]))} - kept)
        filtered.write(tmp_path)
        (verdict,) = replay(read([tmp_path]), [BUILDS[name]], properties=()).fences
        assert verdict.conforms is not False
