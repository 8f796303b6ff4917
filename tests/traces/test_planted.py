"""A recording that contradicts itself conforms to nothing, and one that is cut is not accused.

`tests/planting.py` has the kinds of faults. Those of `STATED` are decided by what two lines say; of the
others the model must find that no run explains them.
"""

import gzip
import random
import re
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from tsofence.traces.explain import conformance
from tsofence.traces.explain import replay as replaying
from tsofence.traces.explain.conformance import FenceVerdict
from tsofence.traces.explain.contradictions import contradictions
from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.observation import BadInput
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.servers import Servers, Unclear

from ..amount import seeds, some
from ..planting import KINDS, OWN, WATCH, Recording, load

RECORDINGS = Path(__file__).parents[1] / "recordings"
REPORTS = Path(__file__).parents[1] / "reports"
#: recordings and the builds that they are of
BUILDS = {
    "pd-failover": "check-tso-primary",
    "upgrade-unfenced": "off",
    "upgrade-fenced-debug": "check-tso-primary",
    "r85-transfer-small": "release-8.5",
    "reset-ts": "check-tso-primary",
    "tso-failover": "check-tso-primary",
    "master-transfer-small": "master-2026-08",
    "pr-client-sync-small": "check-tso-primary",
    "pr-intervals-differ": "check-tso-primary",
    "pr-slow-load-small": "check-tso-primary",
    "clock-jump": "check-tso-primary",
}
FEW = tuple(BUILDS)[:4]
HEALTHY = sorted(path.name for path in RECORDINGS.iterdir() if path.name not in ("etcd-gateway", "soak"))
#: kinds that are not visible in two lines that deny each other
SEARCHED = {
    "another-value-saved": ("pd-failover", "r85-transfer-small"),
    "clock-jumps-removed": ("clock-jump",),
    "admin-resets-removed": ("reset-ts",),
    "an-attempt-at-another-value": (),  # it takes a search to its limit to know
    "a-start-removed": (),
}
STATED = sorted(
    name for name in OWN if KINDS[name].visible and not KINDS[name].clients and name not in SEARCHED
)


@cache
def clean(name: str) -> Recording:
    return load(RECORDINGS / name, clients=False)


def planted(name: str, kind: str, seed: int, folder: Path) -> Path | None:
    fault = KINDS[kind].plant(clean(name), random.Random(f"{name} {kind} {seed}"))
    if fault is None:
        return None
    fault.write(folder / str(seed))
    return folder / str(seed)


def known(kind: str, verdict: FenceVerdict) -> bool:
    """Whether the verdict is what it must be: no, or where lines may have been lost, that nobody knows."""
    lost = re.search(r"lacks lines|lines are missing|contradict each other", verdict.note) is not None
    return verdict.conforms is False or (KINDS[kind].doubted and verdict.conforms is None and lost)


@pytest.mark.parametrize("kind", STATED)
@pytest.mark.parametrize("name", FEW)
def test_what_contradicts_itself_conforms_to_nothing(name: str, kind: str, tmp_path: Path) -> None:
    folder = planted(name, kind, 0, tmp_path)
    if folder is None:
        return  # there is nothing to plant it into
    (verdict,) = replay(read([folder]), [BUILDS[name]], properties=()).fences
    assert known(kind, verdict), verdict.note
    if not KINDS[kind].doubted:
        assert verdict.note == "the recording contradicts itself"
        assert verdict.stopped_at is not None
        assert verdict.refused_by


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in SEARCHED.items() for name in names]
)
def test_what_no_run_explains(kind: str, name: str, tmp_path: Path) -> None:
    folder = planted(name, kind, 0, tmp_path)
    assert folder is not None
    (verdict,) = replay(read([folder]), [BUILDS[name]], properties=()).fences
    assert known(kind, verdict), verdict.note


def test_what_a_limit_leaves_open_is_not_refuted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether missing lines would explain it, a search that ended at its limit does not say.

    Other times would leave it open as well, and are not asked here.
    """
    folder = planted("reset-ts", "admin-resets-removed", 0, tmp_path)
    assert folder is not None
    monkeypatch.setattr(replaying, "at_other_times", lambda *_: None)
    budget = conformance._budget
    monkeypatch.setattr(
        conformance, "_budget", lambda order, stage: budget(order, stage) if order.steady else 1
    )
    (verdict,) = replay(read([folder]), [BUILDS["reset-ts"]], properties=()).fences
    assert verdict.conforms is None
    assert "if lines are missing in the log of pd1, a limit ended the search" in verdict.note


@pytest.mark.large
@pytest.mark.parametrize(("name", "kind"), some(product(BUILDS, STATED), 8))
def test_wherever_it_is_planted(name: str, kind: str, tmp_path: Path) -> None:
    for seed in seeds(range(1, 9)):
        folder = planted(name, kind, seed, tmp_path)
        if folder is None:
            return
        (verdict,) = replay(read([folder]), [BUILDS[name]], properties=()).fences
        assert known(kind, verdict), (folder, verdict.note)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("a-grant-above-every-window", "pd-failover"),
        ("a-grant-above-every-window", "pr-intervals-differ"),
        ("a-grant-above-every-window-at-the-end", "upgrade-unfenced"),
        ("an-answer-after-the-memory-was-cleared", "pd-failover"),
    ],
)
def test_no_server_can_have_answered_that(kind: str, name: str, tmp_path: Path) -> None:
    recording = load(RECORDINGS / name, clients=True)
    fault = KINDS[kind].plant(recording, random.Random(f"{kind} {name}"))
    assert fault is not None
    fault.write(tmp_path)
    (verdict,) = replay(read([tmp_path]), [BUILDS[name]], properties=()).fences
    assert known(kind, verdict), verdict.note
    assert verdict.conforms is None or str(verdict.stopped_at).startswith(str(tmp_path / "client-"))


def test_what_nothing_denies_is_named(tmp_path: Path) -> None:
    """Without logs, a clock may have jumped after the watch's end."""
    recording = load(RECORDINGS / "upgrade-unfenced", clients=True)
    kind = "a-grant-above-every-window-at-the-end"
    fault = KINDS[kind].plant(recording, random.Random(kind))
    assert fault is not None
    kept = {name: lines for name, lines in fault.files.items() if not name.startswith(("pd-", "tso-"))}
    Recording(kept).write(tmp_path)
    (verdict,) = replay(read([tmp_path]), ["off"], properties=()).fences
    assert verdict.conforms is True
    assert verdict.note == "explained with calls above every window after the watch's end (1)"


def test_steps_beyond_those_that_logs_tell_are_named() -> None:
    """The log of the TSO server tells of one exit, at its end; nothing tells that its lease ran out."""
    folder = RECORDINGS / "upgrade-fenced-debug"
    paths = [path for path in folder.iterdir() if not path.name.startswith("client-")]
    (verdict,) = replay(read(paths), ["check-tso-primary"], properties=()).fences
    assert verdict.conforms is True
    assert verdict.run is not None
    (tso,) = [number for number, name in enumerate(verdict.run.names, 1) if name == "tso1"]
    ends = [move.transition for move in verdict.run.moves if move.server == tso].count("stop")
    assert ends == 1 or "stop of tso1" in verdict.note


def test_who_follows_after_its_exit_has_started(tmp_path: Path) -> None:
    """A PD that is never elected again: nothing else tells that it runs."""
    name = "pd-pd3.log"
    lines = load(RECORDINGS / "upgrade-fenced-mixed", clients=False).files[name]
    *_, again = (number for number, line in enumerate(lines) if b'"PD config"' in line)
    Recording({name: lines}).without(name, {again}).write(tmp_path)
    trace = read([tmp_path])
    lacking = contradictions(trace, Servers(trace)).lacking
    assert {(each.server, each.transition) for each in lacking} == {("pd3", "restart")}
    assert any("of its start" in each.denied for each in lacking)


@pytest.mark.parametrize("kind", STATED)
def test_each_kind_can_be_planted(kind: str) -> None:
    assert any(KINDS[kind].plant(clean(name), random.Random(kind)) for name in FEW)


def found(paths: list[Path]) -> tuple[object, ...]:
    try:
        trace = read(paths)
        return contradictions(trace, Servers(trace)).denied
    except (BadInput, Unclear):
        return ()


@pytest.mark.parametrize("name", HEALTHY)
def test_no_recording_contradicts_itself(name: str) -> None:
    trace = read([path for path in (RECORDINGS / name).iterdir() if not path.name.startswith("client-")])
    said = contradictions(trace, Servers(trace))
    assert not said.denied
    assert not said.lacking


@pytest.mark.parametrize("name", ["stale-leader", "api-service-8.5"])
def test_no_report_contradicts_itself(name: str) -> None:
    assert not found([REPORTS / name])


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("seed", [*range(6), pytest.param(100, marks=pytest.mark.large)])
def test_what_is_left_of_a_recording_does_not_contradict_itself(name: str, seed: int, tmp_path: Path) -> None:
    """Files are missing; of one there is only the beginning, or the end, or some in the middle is lost."""
    for number in range(seed, seed + (1 if seed < 100 else 60)):
        chance = random.Random(f"{name} {number}")
        files = {file: b"".join(lines) for file, lines in clean(name).files.items() if chance.random() < 0.85}
        damaged = chance.choice(sorted(files or clean(name).files))
        content = files.get(damaged, b"")
        begin, end = sorted(chance.sample(range(len(content) + 2), 2))
        lost = content[:begin] + content[end:] if damaged != WATCH else content[:begin]
        files[damaged] = (content[:begin], content[begin:], lost)[number % 3]
        for file, kept in files.items():
            (tmp_path / f"{number}-{file}.gz").write_bytes(gzip.compress(kept, 1))
        assert not found(list(tmp_path.glob(f"{number}-*"))), number
