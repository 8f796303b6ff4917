"""Single lines that a recording contradicts elsewhere: what PD wrote, it wrote for a reason that other lines
or etcd's events would show."""

import re
from pathlib import Path

import pytest

from tsofence.traces.explain.contradictions import Found, contradictions
from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.servers import Servers

from ..planting import Recording, load

RECORDINGS = Path(__file__).parents[1] / "recordings"


def said(recording: Recording, folder: Path) -> Found:
    recording.write(folder)
    trace = read([folder])
    return contradictions(trace, Servers(trace))


def in_other_mode(recording: Recording, name: str, which: int = 0) -> Recording:
    """With one of a PD's starts in the mode that it was not in."""
    numbers = [n for n, line in enumerate(recording.files[name]) if b"[enable-keyspace-group=" in line]
    line = recording.files[name][numbers[which]]
    other = b"false" if b"group=true" in line else b"true"
    return recording.changed(
        name, numbers[which], re.sub(rb"keyspace-group=\w+", b"keyspace-group=" + other, line, count=1)
    )


@pytest.mark.parametrize(
    ("name", "log", "which", "fence"),
    [
        ("pd-failover", "pd-pd1.log", 0, "check-tso-primary"),  # elected when there was TiKV
        ("pd-failover", "pd-pd3.log", 1, "check-tso-primary"),
        ("pr-intervals-differ", "pd-pd1.log", 0, "check-tso-primary"),  # TiKV came later
        ("master-transfer-small", "pd-pd1.log", 0, "master-2026-08"),
        ("tso-failover", "pd-pd1.log", 0, "check-tso-primary"),
    ],
)
def test_a_mode_in_which_it_did_not_run(name: str, log: str, which: int, fence: str, tmp_path: Path) -> None:
    """In service mode it syncs before it serves, in API mode it makes a keyspace group."""
    in_other_mode(load(RECORDINGS / name, clients=False), log, which).write(tmp_path)
    (verdict,) = replay(read([tmp_path]), [fence], properties=()).fences
    assert verdict.conforms is None
    assert re.search(r"lacks lines: .* shows restart, and the log would tell of a start in ", verdict.note)


def test_a_mode_that_only_etcd_denies(tmp_path: Path) -> None:
    """A PD in API mode that hands out timestamps itself, as one in service mode does; its group shows it."""
    recording = load(RECORDINGS / "dynamic-switch-base", clients=False)
    log = "pd-pd1.log"
    told = {n for n, line in enumerate(recording.files[log]) if b"TSO is provided by" in line}
    clean = recording.without(log, told)
    assert not said(clean, tmp_path / "clean").lacking
    (lacking,) = said(in_other_mode(clean, log), tmp_path / "other").lacking
    assert lacking.denied.startswith("etcd shows that a PD led in API mode")
