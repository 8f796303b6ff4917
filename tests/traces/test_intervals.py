"""Servers whose save intervals differ: what tells them, and that a healthy cluster is not accused for it.

In `pr-intervals-differ` the PD saves 5 s ahead, the TSO server 3 s, and no clock jumped.
"""

import gzip
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from tsofence.checker.run import follow
from tsofence.cli import main
from tsofence.traces.explain.replay import Report, replay
from tsofence.traces.explain.timeline import timeline
from tsofence.traces.runs import files as run_files
from tsofence.traces.sources.intervals import by_writer
from tsofence.traces.sources.observation import Key, KeyEvent, LogEvent, LogStep, Service, Where
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.settings import GIVEN, ServerStart, Setting, find

from ..documents import read_document

RECORDINGS = Path(__file__).parents[1] / "recordings"
DIFFER = RECORDINGS / "pr-intervals-differ"
S, MS = 10**9, 10**6
TSO = "tso1"
CHECK = "check-tso-primary"


def files(*beginnings: str, folder: Path = DIFFER) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.name.startswith(beginnings)]


def conforms(report: Report) -> dict[str, bool | None]:
    return {verdict.fence: verdict.conforms for verdict in report.fences}


@cache
def whole() -> Report:
    return replay(read([DIFFER]))


# --- the recording -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "beginnings",
    [
        ("etcd", "pd-", "tso-"),
        ("etcd.jsonl", "pd-", "tso-"),
        ("etcd.jsonl", "pd-", "tso-", "client"),
        ("etcd-recv", "pd-"),
        ("etcd-recv", "tso-"),
        ("etcd.jsonl", "pd-"),
        ("etcd",),
        ("etcd.jsonl",),
    ],
    ids="+".join,
)
def test_no_clock_jumped_whatever_is_missing(beginnings: tuple[str, ...]) -> None:
    report = replay(read(files(*beginnings)), properties=())
    assert [(each.fence, each.conforms, each.note) for each in report.fences] == [
        ("off", True, ""),
        (CHECK, True, ""),
    ]


def test_the_whole_recording() -> None:
    report = whole()
    assert [(each.conforms, each.note) for each in report.fences] == [(True, "")] * 2
    found = {each.property: (each.verdict, each.count) for each in report.properties}
    analysis = json.loads(gzip.decompress((DIFFER / "meta.json.gz").read_bytes()))["analysis"]
    assert analysis["duplicate_pairs"] == 0
    assert found["unique"] == ("holds", 0)
    assert found["real-time"] == ("violated", analysis["regressions"])


def test_the_run_has_a_window_of_each_server_and_survives_its_file(tmp_path: Path) -> None:
    run = whole().fences[1].run
    assert run is not None
    written = run_files.dumps(run)
    assert {
        name: value for name, value in read_document(written)["constants"].items() if "window" in name
    } == {
        "window": 5 * S,
        f"{TSO}.window": 3 * S,
    }
    (tmp_path / "run.json").write_text(written)
    again = run_files.load(tmp_path / "run.json")
    assert len(list(follow(again))) == len(again.moves) == len(run.moves)


@pytest.mark.parametrize("first", [2, 7, 8])
def test_a_watch_that_began_late(first: int, tmp_path: Path) -> None:
    """Its first save may be one that either window explains."""
    (path,) = files("etcd-recv")
    late = tmp_path / "etcd.jsonl"
    late.write_bytes(b"".join(gzip.decompress(path.read_bytes()).splitlines(keepends=True)[first - 1 :]))
    report = replay(read([late, *files("pd-", "tso-")]), properties=())
    assert [(each.conforms, each.note) for each in report.fences] == [(True, "")] * 2


def test_the_report_says_each_interval(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    done = CliRunner().invoke(
        main, ["replay", str(DIFFER), "--property", "unique", "--no-progress", "--json", str(path)]
    )
    assert done.exit_code == 0
    text = " ".join((done.stdout + done.stderr).split())
    assert (
        "save interval of pd1 5 s, update interval 0.05 s, lease 3 s (etcd grants 5 s) (pd-pd1.log.gz:10)"
        in text
    )
    assert f"save interval of {TSO} 3 s (tso-tso1.log.gz:8)" in text
    found = read_document(path.read_text())["settings"]
    assert found["save_interval_ns"]["value"] is None
    own = {each["server"]: each["value"] for each in found["save_interval_ns"]["servers"]}
    assert own == {"pd1": 5 * S, TSO: 3 * S}
    assert (found["lease_s"]["value"], found["least_lease_s"]) == (3, 5)


# --- a server that started with several --------------------------------------------------------------


def started_again(folder: Path, interval: str, target: Path) -> Path:
    """The log of a TSO server that is started once more at its end, with another save interval."""
    (log,) = files("tso-", folder=folder)
    lines = gzip.decompress(log.read_bytes()).decode().splitlines()
    (start,) = [line for line in lines if '"TSO service config"' in line]
    last = lines[-1][: lines[-1].index("]") + 1]
    again = last + start[start.index("]") + 1 :].replace(
        '\\"tso-save-interval\\":\\"3s\\"', f'\\"tso-save-interval\\":\\"{interval}\\"'
    )
    assert interval in again
    target.write_text("\n".join([*lines, again]) + "\n")
    return target


def test_a_start_with_another_interval_changes_it(tmp_path: Path) -> None:
    log = started_again(DIFFER, "7s", tmp_path / "tso.log")
    trace = read([*files("etcd", "pd-"), log])
    setting = trace.settings.of(TSO, "save_interval_ns")
    assert setting.values == (3 * S, 7 * S)
    report = replay(trace, properties=())
    assert conforms(report) == {"off": True, CHECK: True}
    assert not any("not certain" in note for note in report.notes)


def test_a_refutation_stands_where_an_interval_changes_later(tmp_path: Path) -> None:
    folder = RECORDINGS / "upgrade-unfenced"
    logs = files("pd-", folder=folder)
    watch = files("etcd", folder=folder)
    known = replay(read([*watch, *logs, *files("tso-", folder=folder)]), [CHECK], properties=())
    assert conforms(known) == {CHECK: False}
    log = started_again(folder, "7s", tmp_path / "tso.log")
    assert conforms(replay(read([*watch, *logs, log]), [CHECK], properties=())) == {CHECK: False}


def start(server: str, save_ns: int | None, lease_s: int | None, at_ns: int = 0) -> ServerStart:
    where = Where(server, at_ns // S + 1)
    return ServerStart(where, server, Service.PD, at_ns, False, None, (), save_ns, None, lease_s)


def test_settings_of_each_server() -> None:
    starts = [start("pd1", 3 * S, 3), start("pd2", 5 * S, 4), start("pd2", 5 * S, 2, 9 * S)]
    found = find(starts, [], saved(), {"save_interval_ns": Setting(7 * S, GIVEN)})
    assert found.save_interval.value is found.lease.value is None
    assert [found.of(name, "save_interval_ns").value for name in ("pd1", "pd2", "pd3")] == [
        3 * S,
        5 * S,
        7 * S,
    ]
    assert [found.of(name, "lease_s").values for name in ("pd1", "pd2", "pd3")] == [(3,), (4, 2), ()]
    (change,) = found.of("pd2", "lease_s").then
    assert (change.start, change.since_ns, change.value) == (starts[2].where, 9 * S, 2)


def test_a_save_tells_with_which_of_several_intervals_it_was_made() -> None:
    setting = find([start("pd1", 3 * S, 3, 0), start("pd1", 5 * S, 3, 100 * S)], [], []).of(
        "pd1", "save_interval_ns"
    )
    assert [setting.saved_with(value * S) for value in (4, 102, 104, 106)] == [3 * S, 3 * S, None, 5 * S]


def test_a_log_that_begins_later_tells_the_interval_when_its_server_syncs() -> None:
    line = LogEvent(
        Where("log", 4), "pd1", Service.PD, 9 * S, LogStep.SYNC_SAVED, save_ns=14 * S, next_ns=9 * S
    )
    setting = find([], [line], []).of("pd1", "save_interval_ns")
    assert (setting.value, setting.source, setting.doubt) == (5 * S, "log:4", "")


# --- what the saved timestamps tell ------------------------------------------------------------------


def saved(*terms: tuple[str | int, ...]) -> list[KeyEvent]:
    """Terms: a server that is elected (a URL: as TSO primary), and what is then saved (ms)."""
    events: list[KeyEvent] = []
    for server, *values in terms:
        key = Key.PRIMARY if str(server).startswith("http") else Key.LEADER
        names: dict[str, str] = {"url" if key is Key.PRIMARY else "name": str(server)}
        events.append(KeyEvent(Where("f", len(events) + 1), len(events), key, "", True, **names))  # type: ignore[arg-type]
        events += [
            KeyEvent(Where("f", 0), 0, Key.TIMESTAMP, "", True, timestamp_ns=int(value) * MS)
            for value in values
        ]
    return events


@pytest.mark.parametrize(
    ("terms", "told", "expected"),
    [
        # a sync above the window before: of the server elected last, unless that has another window
        ([("pd1", 8_000), ("http://t", 11_001)], {}, {"http://t": 3_000}),
        ([("pd1", 8_000), ("http://t", 11_001)], {"pd1": 5_000}, {"http://t": 3_000}),
        ([("pd1", 8_000), ("http://t", 11_001)], {"pd1": 3_000}, {"http://t": 3_000}),
        ([("pd1", 8_000), ("http://t", 11_001)], {"http://t": 3_000}, {}),
        ([("pd1", 8_000), ("http://t", 11_001)], {"http://t": 5_000}, {"pd1": 3_000}),
        # several
        ([("pd1", 8_000, 11_001, 16_002)], {}, {}),
        # a steady writer that alone holds an election key; two saves only suggest it
        ([("pd1", 0, 5_005, 10_049, 15_052, 20_060)], {}, {"pd1": 5_000}),
        ([("pd1", 8_490, 13_510)], {}, {"pd1": -5_000}),
        ([("pd1",), ("http://t", 0, 5_005, 10_049, 15_052, 20_060)], {}, {}),
        # two terms that differ by few saves, where more tell another one
        ([("pd1", 8_490, 13_510), ("pd1", 20_000, 23_005, 26_049, 29_054, 32_060)], {}, {"pd1": 3_000}),
        # there and back again
        (
            [
                ("pd1", 0, 3_005, 6_049, 9_054),
                ("pd1", 20_000, 25_005, 30_049, 35_052),
                ("pd1", 50_000, 53_005, 56_049, 59_054),
            ],
            {},
            {},
        ),
    ],
)
def test_the_writer_of_a_save(
    terms: Sequence[tuple[str | int, ...]], told: dict[str, int], expected: dict[str, int]
) -> None:
    """Intervals in ms, negative where few saves suggest them."""
    known = {server: frozenset({value * MS}) for server, value in told.items()}
    found = by_writer(saved(*terms), known, 50 * MS, whole=True)
    assert {name: each.value // MS * (1 if each.sure else -1) for name, (each,) in found.items()} == expected


def test_a_server_whose_terms_differ_was_started_anew_in_between() -> None:
    terms = saved(
        ("pd1", 0, 3_005, 6_049), ("pd1", 10_000, 13_005, 16_049, 19_054), ("pd1", 30_000, 35_005, 40_049)
    )
    (one, other) = by_writer(terms, {}, 50 * MS, whole=True)["pd1"]
    assert [(each.value, each.saves) for each in (one, other)] == [(3_000 * MS, 4), (5_000 * MS, 3)]
    assert other.since == [event.where for event in terms if event.key is Key.LEADER][2]
    assert other.since_ns == 25_000 * MS


def test_steady_saves_tell_nothing_where_events_are_missing() -> None:
    steady = saved(("pd1", 0, 5_005, 10_049, 15_052, 20_060))
    assert by_writer(steady, {}, 50 * MS, whole=False) == {}


def test_few_saves_suffice_where_other_servers_have_the_same_interval() -> None:
    own = saved(("pd1", 8_490, 13_510))
    assert find([], [], own).of("pd1", "save_interval_ns").doubt
    assert not find([start("pd2", 5 * S, 3)], [], own).of("pd1", "save_interval_ns").doubt
    assert find([start("pd2", 3 * S, 3)], [], own).of("pd1", "save_interval_ns").doubt


def test_a_server_of_which_nothing_tells_takes_the_interval_of_others_and_that_is_said() -> None:
    """The PD syncs when its clock is beyond the window before, and makes way for the TSO server soon."""
    folder = RECORDINGS / "tso-failover"
    order = timeline(read(files("etcd", "tso-", folder=folder)))
    assert order.windows == ((3 * S,),) * 3
    assert order.window_assumed
    assert (
        "the save interval of pd1 is not certain: 3 s was taken, for nothing tells its own" in order.assumed
    )
