"""PDs that are started anew with other settings: by default lease and save interval are 3 s in 6.5, and 5 s
in 7.5.7 and since 8.5.2."""

from __future__ import annotations

import gzip
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from tsofence.checker.run import follow
from tsofence.traces.explain.replay import Report, replay
from tsofence.traces.runs import files
from tsofence.traces.sources.reading import read

from .pds import PDs

#: ms
SHORT, LONG = 3000, 5000


class Cluster(PDs):
    """PDs that save in time, and are asked four times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._window: dict[str, int] = {}
        self._held: int | None = None

    def runs(self, pd: str, ms: int, build: str, window: int, *, told: bool = True) -> None:
        """A process starts with that save interval; its dump tells it, or not."""
        self._window[pd] = window
        self.starts(pd, ms, build, window=window if told else None, lease=window // 1000)

    def leads(self, pd: str, ms: int, until: int, **wrong: int) -> None:
        """From then on it serves; what is ``wrong``: the ``window`` of its saves from 15 s later on (ms), how
        far its last answer is ``beyond`` the last window."""
        window = self._window[pd]
        self.elected(pd, ms, lease=window // 1000)
        begins = ms + 42 if self._held is None else max(ms + 42, self._held + 1)
        self.synced(pd, ms + 45, begins, self._held, window=window)
        self._held = begins + window
        for now in range(ms + 250, until, 250):
            if now > ms + 15_000:
                window = wrong.get("window", window)
            if now > self._held - 250:
                self._held = self._held + 3 + window
                self.saved(self._held - window + 2, self._held)
            self.answers(pd, now + 20, max(now + 18, begins))
            self.says(pd, now)
        if "beyond" in wrong:
            self.answers(pd, until, self._held + wrong["beyond"])
            self.stops(pd, until + 500)
            self.runs(pd, until + 1_000, self.build(pd), window)
            self.elected(pd, until + 6_000)
            self.synced(pd, until + 6_045, until + 6_042, self._held, window=window)

    def stops(self, pd: str, ms: int) -> None:
        """It exits, and gives its key back."""
        self.exits(pd, ms)
        self.lost_key(ms + 10)


def one(old: str = "release-6.5", new: str = "release-7.5", *, told: bool = True, **wrong: int) -> Cluster:
    """A PD alone."""
    made = Cluster()
    made.runs("pd1", 0, old, SHORT, told=told)
    made.leads("pd1", 300, 12_000)
    made.stops("pd1", 12_000)
    made.runs("pd1", 13_000, new, LONG, told=told)
    made.leads("pd1", 18_000, 40_000, **wrong)
    return made


def three(**wrong: int) -> Cluster:
    """Those that follow are upgraded first; the leader hands over before its turn comes."""
    made = Cluster()
    for pd in ("pd1", "pd2", "pd3"):
        made.runs(pd, 0, "release-6.5", SHORT)
    made.leads("pd1", 300, 12_000)
    for pd in ("pd2", "pd3"):
        made.exits(pd, 5_000)
        made.runs(pd, 6_000, "release-8.5", LONG)
    made.stops("pd1", 12_000)
    made.leads("pd2", 12_500, 30_000)
    made.runs("pd1", 13_000, "release-8.5", LONG)
    made.stops("pd2", 30_000)
    made.leads("pd1", 30_500, 60_000, **wrong)
    for pd, ms in ((pd, ms) for pd in ("pd2", "pd3") for ms in range(7_000, 60_000, 1_000)):
        made.says(pd, ms)
    return made


def judged(made: Cluster, folder: Path) -> Report:
    for log in made.logs.values():
        log.sort(key=lambda line: line[:25])
    return replay(read([made.write(folder)]))


def verdicts(report: Report) -> dict[str, str]:
    return {each.property: each.verdict for each in report.properties if each.verdict != "vacuous"}


HOLDS = dict.fromkeys(("key-monotone", "window", "unique", "real-time", "session"), "holds")


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    ("old", "new", "build"),
    [
        ("release-6.5", "release-7.5", "release-6.5..release-7.5"),
        ("release-6.5", "release-8.5", "release-6.5..release-8.5"),
        # a start alone
        ("release-8.5", "release-8.5", "release-8.5"),
    ],
)
def test_a_healthy_one(old: str, new: str, build: str, told: bool, tmp_path: Path) -> None:
    """Where no dump tells the save interval, syncs do."""
    report = judged(one(old, new, told=told), tmp_path)
    (verdict,) = report.fences
    assert (verdict.fence, verdict.conforms, verdict.note) == (build, True, "")
    assert verdicts(report) == HOLDS
    run = verdict.run
    assert run is not None
    (start,) = (move.transition for move in run.moves if move.transition.startswith("restart"))
    assert start == ("restart_upgraded_reconfigured" if ".." in build else "restart_reconfigured")
    (tmp_path / "run.json").write_text(files.dumps(run))
    again = files.load(tmp_path / "run.json")
    assert len(list(follow(again))) == len(run.moves)


def test_three_one_after_the_other(tmp_path: Path) -> None:
    report = judged(three(), tmp_path)
    assert [(each.fence, each.conforms) for each in report.fences] == [("release-6.5..release-8.5", True)]
    assert verdicts(report) == HOLDS | {"one-live": "holds", "two-of-a-kind": "holds"}


def test_a_server_without_a_log_was_started_anew_before_an_election(tmp_path: Path) -> None:
    made = three()
    del made.logs["pd1"]
    (verdict,) = judged(made, tmp_path).fences
    assert verdict.conforms is True
    assert verdict.note == "explained with crash of pd1, restart_reconfigured of pd1"


def test_a_log_that_begins_with_a_start_tells_nothing_of_before(tmp_path: Path) -> None:
    made = one("release-8.5", "release-8.5")
    log = sorted(made.logs["pd1"], key=lambda line: line[:25])
    starts = [at for at, line in enumerate(log) if "Welcome" in line]
    made.logs["pd1"] = log[starts[1] :]
    report = judged(made, tmp_path)
    assert [each.conforms for each in report.fences] == [True]
    assert (
        "the save interval of pd1 is not certain: 3 s and then 5 s was taken, which few saves suggest"
        in report.notes
    )


@pytest.mark.parametrize("made", [one, three])
def test_a_save_that_its_own_interval_does_not_explain(made: Callable[..., Cluster], tmp_path: Path) -> None:
    """It goes on saving 3 s ahead, as another release did."""
    report = judged(made(window=SHORT), tmp_path)
    (verdict,) = report.fences
    assert verdict.conforms is False
    assert ("update_begin", "pd1", "window is used up") in {
        (each.transition, each.server, each.guard) for each in verdict.refused_by
    }


@pytest.mark.large
@pytest.mark.parametrize("old", ["release-6.5", "release-8.5"])
def test_an_answer_beyond_the_window(old: str, tmp_path: Path) -> None:
    """6.5 does not always tell of an admin's reset, which goes where it wants: but not beyond the window."""
    report = judged(one(old, "release-8.5", beyond=100), tmp_path)
    assert True not in {each.conforms for each in report.fences}
    assert verdicts(report)["window"] == "violated"


@pytest.mark.parametrize("build", ["release-6.5", "release-7.5", "release-8.5"])
@pytest.mark.parametrize("window", [SHORT - 1000, LONG])
def test_an_interval_that_changes_without_a_start(build: str, window: int, tmp_path: Path) -> None:
    """Its log tells of the one interval; saves that reach further are an admin's, if anybody's."""
    made = Cluster()
    made.runs("pd1", 0, build, SHORT)
    made.leads("pd1", 300, 20_000, window=window)
    report = judged(made, tmp_path)
    assert report.fences[0].fence == build
    if window < SHORT:
        assert {each.conforms for each in report.fences} == {False}
    else:
        assert report.fences[0].note == "explained with admin_reset_begin of pd1"


REAL = Path(__file__).parents[1] / "recordings" / "reset-ts"
INTERVAL = '\\"tso-save-interval\\":\\"{}s\\"'


def with_more_at_last(to: Path, *, dumped: bool, saved: bool) -> list[Path]:
    """The recording, whose PD reserves 5 s in its last life, as its dump says, and as its only save shows."""
    log = gzip.decompress((REAL / "pd-pd1.log.gz").read_bytes()).decode()
    watch = gzip.decompress((REAL / "etcd-recv.jsonl.gz").read_bytes()).decode()
    at = log.rindex('"Welcome to Placement Driver (PD)"')
    before, last = log[:at], log[at:]
    if dumped:
        assert INTERVAL.format(3) in last
        last = last.replace(INTERVAL.format(3), INTERVAL.format(5))
    if saved:
        assert "[save=2026/11/24 13:22:18.851" in last
        last = last.replace("[save=2026/11/24 13:22:18.851", "[save=2026/11/24 13:22:20.851")
        value = "GOr9370AHsA="  # that time
        assert watch.count(value) == 1
        more = int.from_bytes(b64decode(value)) + 2 * 10**9
        watch = watch.replace(value, b64encode(more.to_bytes(8)).decode())
    (to / "pd-pd1.log").write_text(before + last)
    (to / "etcd-recv.jsonl").write_text(watch)
    return [*to.iterdir(), *REAL.glob("client-*")]


@pytest.mark.parametrize("dumped", [True, False])
@pytest.mark.parametrize("saved", [True, False])
def test_a_real_recording_whose_last_life_reserves_more(dumped: bool, saved: bool, tmp_path: Path) -> None:
    trace = read(with_more_at_last(tmp_path, dumped=dumped, saved=saved))
    conforms = {each.conforms for each in replay(trace, ["off"], properties=()).fences}
    assert trace.settings.of("pd1", "save_interval_ns").values == (3 * 10**9, 5 * 10**9)[: 1 + dumped]
    assert conforms == ({True} if dumped is saved else {None})
