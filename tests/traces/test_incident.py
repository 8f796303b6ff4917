"""The page of a recording, its timeline and trace events; what a browser makes of it: `test_browser.py`."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsofence import cli
from tsofence.traces.explain.replay import Report, replay
from tsofence.traces.judge.exact import judge
from tsofence.traces.output.terminal import Terminal
from tsofence.traces.page import pages
from tsofence.traces.page.drawing import COLUMNS, drawing
from tsofence.traces.page.flagged import flagged
from tsofence.traces.page.incident import Incident, incident
from tsofence.traces.sources import reading
from tsofence.traces.sources.calls import Calls
from tsofence.traces.sources.observation import MAX_NS, Call, LogEvent, LogStep, Service, Where
from tsofence.traces.sources.offsets import Clock, Clocks
from tsofence.traces.sources.settings import Setting
from tsofence.traces.sources.settings import Settings as Times
from tsofence.traces.sources.trace import Trace
from tsofence.traces.tell.replayed import replayed

TESTS = Path(__file__).parents[1]
MS = 10**6


@cache
def recorded(name: str) -> tuple[Trace, Report]:
    trace = reading.read([TESTS / "recordings" / name])
    fence = "check-tso-primary" if name == "upgrade-fenced" else "off"
    return trace, replay(trace, [fence])


@cache
def shown(name: str) -> Incident:
    return incident(*recorded(name))


def said(found: Incident) -> list[str]:
    return ["".join(word.text for word in words) for words in found.said]


# --- calls that may not be -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["upgrade-unfenced", "pr-slow-load-small", "pd-failover"])
def test_every_call_that_is_counted_is_found(name: str) -> None:
    trace, _ = recorded(name)
    found = flagged(trace)
    unique, real_time = judge(trace, ["unique", "real-time"])
    assert bool(found.twice) == (unique.verdict == "violated")
    assert len(found.back) == real_time.count
    assert max((pair.back_ms for pair in found.back), default=None) == real_time.worst_ms


def trace_of(calls: list[Call]) -> Trace:
    unknown = Setting(None, "")
    return Trace((), (), (), (), (), Calls.of(calls), 0, Times(unknown, unknown, unknown))


def call(start: int, length: int, physical: int, count: int, client: str = "a") -> Call:
    begin = 1_700_000_000 * 10**9 + start
    return Call("f", 1, client, "pd", "x:1", None, begin, begin + length, physical, 9, count, None)


@settings(max_examples=50)
@given(
    st.lists(
        st.builds(call, st.integers(0, 40), st.integers(0, 9), st.integers(1, 9), st.integers(1, 9)),
        max_size=12,
    )
)
def test_what_is_flagged_is_what_may_not_be(calls: list[Call]) -> None:
    calls.sort(key=lambda each: each.start_ns)
    found = flagged(trace_of(calls))
    for pair in found.twice:
        assert pair.earlier.first <= pair.later.last
        assert pair.later.first <= pair.earlier.last
        assert pair.earlier is not pair.later
    late = [
        each
        for each in calls
        if any(other.end_ns < each.start_ns and other.last >= each.first for other in calls)
    ]
    assert sorted(map(repr, (pair.later for pair in found.back))) == sorted(map(repr, late))
    assert all(pair.earlier.end_ns < pair.later.start_ns for pair in found.back)
    overlapping = any(a.first <= b.last and b.first <= a.last for i, a in enumerate(calls) for b in calls[:i])
    assert bool(found.twice) == overlapping


# --- the first cause ---------------------------------------------------------------------------------------


def test_the_save_that_nothing_refused_is_named() -> None:
    found = said(shown("upgrade-unfenced"))
    assert found[0].startswith(
        "39 pairs of calls got the same timestamp, from 07:08:31.928 to 07:08:34.815: "
    )
    assert found[2:4] == [
        (
            "pd1 saved a window (revision 24) at 07:08:26.036 although tso1 was TSO primary since "
            "07:08:24.326 (revision 21)."
        ),
        (
            "In between its save was refused once, first at 07:08:25.977: not greater than the saved "
            "timestamp; the next one went through."
        ),
    ]


def test_a_sync_that_went_on_from_an_old_window_is_named() -> None:
    assert said(shown("pr-slow-load-small"))[-1] == (
        "pd1 went on from the window of revision 16, which it had loaded, and saved revision 30 at "
        "20:36:46.006; before that, tso1 had saved revision 25 at 20:36:45.691. A save is only "
        "asked to move the window on."
    )


def test_who_went_on_from_a_window_that_it_still_had_is_named() -> None:
    found = said(shown("pr-intervals-differ"))
    assert found[0].endswith(": client tso1-a of tso1, client pd1-a of pd1."), "who had asked whom"
    assert found[2] == (
        "pd1 granted from its memory: it had saved revision 16 at 20:33:41.515, a window up to "
        "20:33:46.513, before tso1 was elected at 20:33:41.573; nothing is checked again before its next "
        "save, at 20:33:46.515."
    )


@pytest.mark.large
def test_who_answered_from_memory_and_who_waited_is_named() -> None:
    found = said(shown("upgrade-fenced"))
    assert found[2].startswith("pd1 granted from its memory: it had saved revision ")
    assert (
        "pd1 answered from memory until its next save, which was refused at 07:09:28.483: a TSO primary "
        in found[3]
    )
    assert found[-1].startswith("A client of PD's library got no timestamp from 07:09:28.642 to 07:09:46.586")


def test_the_terminal_tells_the_cause_that_the_page_tells(capsys: pytest.CaptureFixture[str]) -> None:
    trace, report = recorded("upgrade-unfenced")
    cause = pages.first_cause(trace, report)
    assert cause == said(shown("upgrade-unfenced"))
    Terminal().print(replayed(report, {}, details=False, cause=cause))
    told = " ".join(capsys.readouterr().out.split())
    at = [told.index(f"· {each}") for each in cause]
    assert at == sorted(at)
    assert at[-1] < told.index("from, to (UTC)"), "before the numbers"


def test_a_healthy_cluster_is_not_accused() -> None:
    found = shown("pd-failover")
    assert found.said == ()
    assert found.errors == ()
    assert "Nothing was seen that may not be." in pages.of_recording(*recorded("pd-failover"))


def test_what_nothing_explains_is_said() -> None:
    trace, report = recorded("pr-slow-load-small")
    refuted = [replace(each, conforms=False) for each in report.fences]
    found = incident(trace, replace(report, fences=tuple(refuted), properties=()))
    assert said(found)[-1].startswith("Nothing explains it under off")


def test_one_pair_is_told_as_one() -> None:
    trace = trace_of([call(0, MS, 7, 1, "a"), call(5 * MS, MS, 7, 1, "b")])
    report = replay(trace, ["off"], properties=["unique", "real-time"])
    assert said(incident(trace, report)) == [
        "1 pair of calls got the same timestamp, at 22:13:20.006: clients a, b of x:1.",
        (
            "1 call got no larger timestamp than one that had ended before, at 22:13:20.006: "
            "clients a, b of x:1."
        ),
    ]


# --- lanes -----------------------------------------------------------------------------------------------


@pytest.mark.large
def test_who_was_what_when() -> None:
    pd1, tso1 = shown("upgrade-fenced").servers
    assert (pd1.name, pd1.kind, tso1.kind) == ("pd1", "PD", "TSO server")
    assert len(pd1.elected) == 2
    first, second = pd1.able
    assert first.until <= tso1.able[0].until <= second.since, "ready, but refused, is not able to grant"
    assert {mark.kind for mark in pd1.marks} >= {"save", "refused", "admin"}
    assert [lane.name for lane in shown("upgrade-fenced").keys][:2] == ["leader", "primary"]


def test_each_save_has_its_writer() -> None:
    writers = [save.writers for save in shown("upgrade-unfenced").saves]
    assert writers[4:] == [("tso1",), ("pd1",)] * 7
    assert not any(save.back for save in shown("upgrade-unfenced").saves)


def test_a_save_beside_a_primary_is_a_place_to_go_to() -> None:
    found = shown("upgrade-unfenced")
    saves = [error for error in found.errors if error.kind == "save"]
    assert len(saves) == 7
    assert saves[0].text == "pd1 saves revision 24 while tso1 is TSO primary"
    assert [error.number for error in found.errors] == list(range(1, len(found.errors) + 1))
    assert not [error for error in shown("pr-slow-load-small").errors if error.kind == "save"]


@pytest.mark.parametrize("name", ["pr-intervals-differ", "upgrade-unfenced", "pr-slow-load-small"])
def test_whatever_is_violated_is_a_place_to_go_to(name: str) -> None:
    found = shown(name)
    kinds = {"unique": "duplicate", "real-time": "regression", "single-writer": "save"}
    violated = {each.name for each in found.verdicts if each.verdict == "violated"}
    assert violated
    assert {kinds.get(each, each) for each in violated} == {error.kind for error in found.errors}
    page = pages.of_recording(*recorded(name))
    for error in found.errors:
        assert page.count(f'id="error{error.number}"') == 1


def test_near_equal_places_are_one_that_opens() -> None:
    kinds = {each.kind: each for each in shown("upgrade-unfenced").by_kind}
    assert (kinds["duplicate"].count, len(kinds["duplicate"].places)) == (39, 39)
    page = pages.of_recording(*recorded("upgrade-unfenced"))
    folded = page[page.index("39 times, first 07:08:31.928, last 07:08:34.815") :]
    assert folded.index("<details>") < folded.index("All 39 places") < folded.index("</details>")
    assert folded[: folded.index("</details>")].count('class="error"') == 39


def test_nothing_is_green_where_nobody_tells() -> None:
    trace, report = recorded("pr-intervals-differ")
    without = replace(trace, calls=Calls.of(()), keys=())
    (pd1, _) = incident(without, replace(report, fences=())).servers
    last = max(line.at_ns for line in trace.logs if line.server == "pd1")
    assert pd1.able == (), "its last line is that it is ready"
    assert [span.since for span in pd1.untold] == [last]
    (answering, _) = shown("pr-intervals-differ").servers
    assert answering.able[-1].until > last + 9_000 * MS, "it answers clients, whatever its log tells"
    assert answering.able[-1].until <= max(call.end_ns for call in trace.calls)


def test_answers_of_the_terminal_are_on_the_page() -> None:
    asked = {each.name: each for each in shown("pr-intervals-differ").asked}
    assert asked["Did time go back?"].verdict == "yes"
    assert "tikv/pd 6738" in asked["Has this version a known bug?"].text


def test_files_that_tell_nothing_are_not_called_good() -> None:
    trace, _ = recorded("upgrade-unfenced")
    logs = replace(trace, calls=Calls.of(()), keys=())
    page = pages.of_recording(logs, replay(logs, ["off"], properties=["unique", "key-monotone"]))
    assert "What was read tells of no property whether it holds." in page
    assert "Nothing was seen" not in page


def test_clocks_that_were_moved_are_named() -> None:
    trace, report = recorded("pr-slow-load-small")
    assert (
        "the clocks of servers, clients and the recorder are taken to agree"
        in shown("pr-slow-load-small").facts
    )
    files = tuple({line.where.file for line in trace.logs if line.server == "pd1"})
    apart = Clock("log", "pd1", files, "the recorder of the watch", (7 * MS, 7 * MS), True, True, 7 * MS, 9)
    found = incident(replace(trace, clocks=Clocks((apart,))), report)
    assert "all times are on one clock, for which these were moved: the log of pd1 by -7 ms" in found.facts


def test_what_repeats_is_one_row() -> None:
    line = LogEvent(Where("pd.log", 1), "pd1", Service.PD, 10**18, LogStep.SYNC_START)
    lines = [replace(line, at_ns=10**18 + i * MS) for i in range(50)]
    trace = replace(trace_of([]), logs=(*lines, replace(line, step=LogStep.READY, at_ns=10**18 + 50 * MS)))
    rows = incident(trace, replay(trace, ["off"], properties=["unique"])).happened
    assert [(row.text, row.times) for row in rows] == [("sync start", 50), ("ready to serve", 1)]


def test_rows_that_come_again_in_turn_stand_once() -> None:
    steps = [LogStep.SYNC_START, LogStep.WINDOW_LOADED, LogStep.WINDOW_LOADED, LogStep.SAVE_REFUSED]
    elected = [LogStep.CAMPAIGN_START, LogStep.CAMPAIGN_WON]
    told = [*elected, LogStep.STEP_DOWN, *elected, *steps * 40, *steps[:2], LogStep.SERVER_EXIT]
    lines = [
        LogEvent(Where("pd.log", 1), "pd1", Service.PD, 10**18 + i * MS, step) for i, step in enumerate(told)
    ]
    other = LogEvent(Where("tso.log", 1), "tso1", Service.TSO, 10**18 + 20 * MS, LogStep.SYNC_START)
    trace = replace(trace_of([]), logs=(*lines, other))
    rows = incident(trace, replay(trace, ["off"], properties=["unique"])).happened
    mine = [(row.text, row.times) for row in rows if row.who == "pd1"]
    assert [text for text, _ in mine[:5]] == [step.value for step in told[:5]], "what comes twice stays"
    assert mine[5:8] == [("sync start", 40), ("window loaded", 80), ("save refused", 40)]
    assert [times for _, times in mine[8:]] == [1, 1, 1]
    assert [row.at for row in rows] == sorted(row.at for row in rows)
    assert {row.until - row.at for row in rows if row.times == 40} == {39 * len(steps) * MS}


# --- documents --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["upgrade-unfenced", "pr-slow-load-small", "pd-failover"])
def test_structure(name: str) -> None:
    page = pages.of_recording(*recorded(name))
    ids = re.findall(r' id="([\w-]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([\w-]+)"', page)) <= set(ids), "every link leads somewhere"
    assert not re.search(r'(?:src|href)="(?!#)|url\(|@import|<img|style=', page), "nothing is loaded"
    assert len(page) < 500_000
    drawn = drawing(shown(name))
    kinds = [lane.kind for lane in drawn.lanes]
    assert kinds == sorted(kinds, key=["server", "key", "client"].index)
    assert all(a.y + a.height == b.y for a, b in zip(drawn.lanes, drawn.lanes[1:], strict=False))
    assert all(0 <= bar.x <= bar.x + bar.width <= 100.1 for lane in drawn.lanes for bar in lane.bars)


def test_the_timeline_alone_is_a_whole_picture() -> None:
    picture = pages.timeline_of(*recorded("upgrade-unfenced"))
    root = ElementTree.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "script" not in {each.tag.rpartition("}")[2] for each in root.iter()}
    assert "07:08:25" in picture


def test_trace_events_have_every_call_and_every_error() -> None:
    trace, report = recorded("pr-slow-load-small")
    document = json.loads(pages.perfetto_of(trace, report))
    events = document["traceEvents"]
    calls = [event for event in events if event["name"] in ("answered", "failed")]
    assert len(calls) == len(trace.calls)
    assert sum(event["name"] == "same timestamp twice" for event in events) == 54
    assert {event["ph"] for event in events} <= {"M", "X", "i", "C"}
    assert all(event["dur"] >= 0 for event in events if event["ph"] == "X")
    last: dict[tuple[int, int], float] = {}
    for event in calls:  # slices of a thread may not overlap
        thread = event["pid"], event["tid"]
        assert event["ts"] >= last.get(thread, 0) - 1e-3
        last[thread] = event["ts"] + event["dur"]


def test_a_page_is_as_large_for_many_calls_as_for_few() -> None:
    calls = [call(i * MS, MS // 2, 1_700_000_000_000 + i, 1, f"c{i % 4}") for i in range(20_000)]
    calls += [call(i * MS + 10, MS // 2, 1_700_000_000_000 + i, 1, "twice") for i in range(0, 20_000, 4)]
    trace = trace_of(sorted(calls, key=lambda each: each.start_ns))
    report = replay(trace_of([]), ["off"], properties=["unique"])
    found = incident(trace, report)
    assert len(pages.of_recording(trace, report)) < 400_000
    assert len(found.flagged.twice) == 5_000
    assert len(found.errors) < 20
    assert max(lane.area.count("M") for lane in drawing(found).lanes) <= COLUMNS


def test_the_widest_times_there_are_can_be_drawn() -> None:
    far = replace(call(0, 1, 5, 1), start_ns=0, end_ns=MAX_NS - 1, physical=MAX_NS // MS - 1)
    trace = trace_of([far, call(0, 1, 1, 1), call(5, 1, 2, 1)])
    drawn = drawing(incident(trace, replay(trace, ["off"], properties=["unique"])))
    assert len(drawn.ticks) <= 10
    assert all(0 <= tick.x <= 100 for tick in drawn.ticks)


def test_what_has_no_times_is_said_all_the_same() -> None:
    same = [replace(call(i, 1, 7, 1), timed=False) for i in range(2)]
    trace = trace_of(same)
    report = replay(trace, ["off"], properties=["unique"])
    assert said(incident(trace, report)) == ["unique is violated."]
    assert "unique is violated." in pages.of_recording(trace, report)
    nothing = trace_of([])
    assert pages.of_recording(nothing, replay(nothing, ["off"], properties=["unique"]))


HOSTILE = "<img src=x onerror=alert(1)></script></svg><script>alert(1)</script>&\"'`\u202e\x1b[31m"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trace, Report]:
    folder = tmp_path_factory.mktemp("recording")
    for file in (TESTS / "recordings" / "pr-slow-load-small").iterdir():
        content = gzip.decompress(file.read_bytes())
        name = json.dumps(HOSTILE).encode()
        content = content.replace(b'"pd1-a"', name).replace(b'"http://127.0.0.1:25379"', name)
        content = content.replace(b"pd1.log", b"<b>").replace(b"the saved window", b"<script>x()</script>")
        (folder / file.name.removesuffix(".gz")).write_bytes(content)
    trace = reading.read([folder])
    return trace, replay(trace, ["off"])


def test_hostile_names_stay_text(hostile: tuple[Trace, Report]) -> None:
    assert any(each.client == HOSTILE for each in hostile[0].calls)
    page = pages.of_recording(*hostile)
    assert page.count("<script") == 2, "its data and its own"
    for text in (page, pages.timeline_of(*hostile)):
        assert "<img" not in text
        assert "\u202e" not in text
        assert "\x1b" not in text
    ElementTree.fromstring(pages.timeline_of(*hostile))
    assert json.loads(pages.perfetto_of(*hostile))


# --- the command -----------------------------------------------------------------------------------------

RECORDING = TESTS / "recordings" / "pr-slow-load-small"
RUN = TESTS / "runs" / "tso-restart.check-tso-primary.unique.json"


def status(*args: object) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(["replay", *map(str, args), "--quiet", "--no-progress"])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_replay_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "incident.html"
    assert status(RECORDING, "--fence", "off", "--to", "html", "-o", target) == 1
    assert capsys.readouterr().out == ""
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert status(RECORDING, "--fence", "off", "--to", "svg") == 1
    assert capsys.readouterr().out.lstrip().startswith("<svg")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((RECORDING, "-o", "x.pdf"), "its ending names none; say which with --to"),
        ((RECORDING, "--to", "html", "--json", "-"), "say where --to goes, with -o FILE"),
        ((RUN, "--to", "html"), "show RUN.json --to html shows a run"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    args: tuple[object, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(*args) == 2
    assert says in capsys.readouterr().err
