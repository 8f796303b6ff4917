"""A PD of 6.5, 7.5 or 8.3 whose sync fails as it campaigns: it resigns, and is elected again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.reading import read

from .pds import PDs

LOST = "[PD:etcd:ErrEtcdKVGet]context deadline exceeded"
CONFLICT = "[PD:etcd:ErrEtcdTxnConflict]etcd transaction failed, conflicted and rolled back"
#: ms
WINDOW = 3000


class Recorded(PDs):
    """A PD that is started twice, and elected."""

    def __init__(self, build: str) -> None:
        super().__init__(revision=11)
        self._build = build
        self.starts("pd1", 0, build, window=WINDOW)
        self.elected("pd1", 300)
        self.synced("pd1", 345, 342, None, window=WINDOW)
        self.starts("pd1", 3000, build, window=WINDOW)
        self.lost_key(3100)
        self.elected("pd1", 5000)

    def again(self, ms: int, *, last: int, begins: int) -> None:
        """It is elected once more, and syncs."""
        self.elected("pd1", ms)
        self.synced("pd1", ms + 5, begins, last, window=WINDOW)

    def explained(self, folder: Path) -> tuple[bool | None, list[str]]:
        """Whether it conforms to its build, and by which steps since the PD started anew; but for time."""
        (verdict,) = replay(read([self.write(folder)]), [self._build], properties=()).fences
        if not verdict.conforms or verdict.run is None:
            return verdict.conforms, []
        steps = [move.transition for move in verdict.run.moves]
        return True, [each for each in steps[steps.index("restart") :] if each != "tick"]


FIRST = 342 + WINDOW
SYNCS = {
    "release-6.5": ["sync_load", "sync_begin", "commit"],
    "release-7.5": ["sync_load", "sync_begin", "load_window", "commit"],
    "release-8.3": ["sync_load", "sync_begin", "load_window", "commit"],
}
STARTS = ["restart", "raft_elects", "drop_own_key", "campaign"]


@pytest.mark.parametrize("build", SYNCS)
@pytest.mark.parametrize("late", [-3, 0, 1])
def test_a_sync_that_etcd_does_not_answer(build: str, late: int, tmp_path: Path) -> None:
    made = Recorded(build)
    made.failed("pd1", 7300 + late, LOST)
    made.lost_key(7302)
    made.again(7340, last=FIRST, begins=7342)
    conforms, steps = made.explained(tmp_path)
    assert conforms is True
    assert steps == [*STARTS, "sync_load", "sync_begin", "request_lost", "revoke", "campaign", *SYNCS[build]]


@pytest.mark.parametrize("build", SYNCS)
@pytest.mark.parametrize("told", [True, False])
def test_a_sync_that_saves_and_is_not_told(build: str, told: bool, tmp_path: Path) -> None:
    """The next one starts above what it has saved.  Where no line says that it failed, lines are missing."""
    made = Recorded(build)
    made.saved(5004, 5002 + WINDOW)
    if told:
        made.failed("pd1", 7300, LOST)
    made.lost_key(7302)
    made.again(7340, last=5002 + WINDOW, begins=5003 + WINDOW)
    conforms, steps = made.explained(tmp_path)
    lost = [*SYNCS[build][:-1], "commit_answer_lost"]
    assert conforms is (True if told else None)
    assert not told or steps == [*STARTS, *lost, "revoke", "campaign", *SYNCS[build]]


def test_a_sync_that_finds_its_lease_gone(tmp_path: Path) -> None:
    made = Recorded("release-6.5")
    made.lost_key(10_600)
    made.failed("pd1", 11_300, CONFLICT)
    made.again(11_340, last=FIRST, begins=11_342)
    conforms, steps = made.explained(tmp_path)
    assert conforms is True
    begins = ["keepalive_stops", "lease_runs_out", "sync_load", "sync_begin", "conflict"]
    assert steps == [*STARTS, *begins, "revoke", "campaign", *SYNCS["release-6.5"]]


def test_where_a_pd_syncs_again_its_lease_ended(tmp_path: Path) -> None:
    made = Recorded("release-8.5")
    made.failed("pd1", 7300, LOST)
    made.lost_key(7302)
    made.again(7340, last=FIRST, begins=7342)
    conforms, steps = made.explained(tmp_path)
    assert conforms is True
    assert steps[steps.index("request_lost") + 1] == "step_down"
