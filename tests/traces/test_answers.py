"""What people ask, answered from lines and calls alone; inputs are rebuilt from public reports."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tsofence.traces.explain.conformance import FenceVerdict, Refused
from tsofence.traces.explain.replay import replay
from tsofence.traces.explain.telling import most_telling
from tsofence.traces.judge.exact import judge
from tsofence.traces.judge.judgement import Judgement
from tsofence.traces.questions.answer import Answer
from tsofence.traces.questions.ask import Asked, ask
from tsofence.traces.sources import reading
from tsofence.traces.sources.builds import recognise
from tsofence.traces.sources.observation import BadInput, LogStep
from tsofence.traces.story.explained import first_explanation
from tsofence.traces.story.stopped import what_stands_there
from tsofence.traces.tell.answered import answered
from tsofence.traces.tell.replayed import when_of

TESTS = Path(__file__).parents[1]
REPORTS = TESTS / "reports"
BACK, WHO, SYNCED = "did time go back?", "who else wrote?", "was each new leader synced before it served?"
BUG, NONE = "has this version a known bug?", "why was there no timestamp?"


def asked(*paths: Path, judged: Sequence[Judgement] | None = None) -> Asked:
    trace = reading.read(paths)
    return ask(trace, judge(trace) if judged is None else judged, recognise(trace.versions))


def answer(found: Asked, question: str) -> Answer:
    return next(each for each in found.answers if each.question == question)


def test_who_wrote_as_only_an_explanation_tells() -> None:
    """Without logs: both save, and no line says so."""
    folder = TESTS / "recordings" / "upgrade-unfenced"
    trace = reading.read([folder / name for name in ("etcd-recv.jsonl.gz", "client-tso1-a.jsonl.gz")])
    report = replay(trace, ["off"])
    told = ask(trace, report.properties, report.build, ["off"], lambda: first_explanation(report).writers)
    found = answer(told, WHO)
    assert found.verdict == "yes"
    assert "as off explains it, revision 24 is a save of pd1 while tso1 was the TSO primary" in found.text
    without = answer(ask(trace, report.properties, report.build, ["off"]), WHO)
    assert without.verdict == "unknown"


def log(folder: Path, name: str, *lines: str) -> Path:
    """A log of lines `time message fields`, the time within one minute."""
    path = folder / f"{name}.log"
    told = []
    for line in lines:
        second, message, *fields = line.split("|")
        told.append(f'[2026/03/01 10:00:{second} +00:00] [INFO] [a.go:1] ["{message}"]')
        told[-1] += "".join(f" [{field}]" for field in fields)
    path.write_text("\n".join(told) + "\n")
    return path


def at(second: str) -> str:
    return f"2026/03/01 10:00:{second} +00:00"


def synced(second: str, last: str, save: str, begins: str) -> str:
    return f"{second}|sync and save timestamp|last={at(last)}|save={at(save)}|next={at(begins)}"


def test_a_panic_line_tells_by_how_much_and_which_timestamps() -> None:
    back = answer(asked(REPORTS / "panic-line"), BACK)
    assert back.verdict == "yes"
    assert "by 26 ms: pd-2.example:2379 gave (1773184695149, 1)" in back.text
    assert "after pd-0.example:2379 gave (1773184695175, 4)" in back.text
    assert back.doubtful == ((1773184695149 << 18) + 1, (1773184695175 << 18) + 4)


def test_a_leader_that_cleared_its_memory_after_the_sync_cannot_grant() -> None:
    found = asked(REPORTS / "reset-after-sync")
    first, none, bug = (answer(found, question) for question in (SYNCED, NONE, BUG))
    assert (first.verdict, none.verdict) == ("no", "yes")
    assert [where.line for where in first.evidence] == [10, 9, 11]
    assert "leads since 02:19:41.911 and cannot grant" in none.text
    assert "3423" in bug.text
    assert bug.decided_by.startswith("pd-server -V")
    assert [term.why for term in found.terms.terms] == ["memory cleared before it was ready"]


def test_a_transfer_to_itself_is_an_election_and_nothing_else() -> None:
    found = asked(REPORTS / "self-transfer")
    assert "named the primary itself (tso-b -> tso-b)" in answer(found, NONE).text
    assert "an election, nothing else (tikv/pd 10969)" in answer(found, NONE).text
    assert answer(found, SYNCED).verdict == "yes"
    assert answer(found, BUG).verdict == "yes"
    assert [term.server for term in found.terms.terms] == ["tso-b", "tso-a"]


def test_values_alone_have_the_order_of_their_file_if_any() -> None:
    back = answer(asked(REPORTS / "packed-values" / "tso-values.txt"), BACK)
    assert back.verdict == "unknown"
    assert back.text.startswith("if the order of the file is that of the calls")


def test_a_save_between_an_election_and_its_sync_is_somebody_elses() -> None:
    found = asked(REPORTS / "stale-leader")
    who = answer(found, WHO)
    assert who.verdict == "yes"
    assert "revision 45" in who.text
    assert who.text.endswith("pd2 led before")
    assert [term.revision for term in found.terms.terms] == [12, 25, 44, 50, 67]


@pytest.mark.parametrize("name", ["api-service-8.5", "keyspace-group"])
def test_nobody_else_is_said_only_where_the_writes_are_explained(name: str) -> None:
    assert answer(asked(REPORTS / name), WHO).verdict == "unknown"
    explained = answer(asked(REPORTS / name, judged=[Judgement("single-writer", "holds")]), WHO)
    assert explained.verdict == "no"


def test_a_pd_beside_a_tso_primary() -> None:
    found = asked(REPORTS / "wrapped-logs")
    back, who = answer(found, BACK), answer(found, WHO)
    assert back.verdict == "unknown"
    assert back.doubtful is not None
    assert back.text.startswith("it can have: for 1.924 s both could grant, pd1 the smaller timestamps")
    assert "tso1 was the TSO primary, so 182 saves of pd1 did not happen" in who.text
    assert "for 17.838 s" in answer(found, NONE).text
    assert answer(found, SYNCED).verdict == "no"


def test_who_leads_when_is_told_by_ten_chosen_lines(tmp_path: Path) -> None:
    """Lines of an earlier part are missing, and one of the election."""
    first = log(
        tmp_path,
        "pd-1",
        synced("01.000", "00.500", "04.000", "01.000"),
        "01.001|PD leader is ready to serve|leader-name=pd-1",
        "20.000|no longer a leader because lease has expired, PD leader will step down",
    )
    second = log(
        tmp_path,
        "pd-2",
        "24.000|campaign PD leader ok|campaign-leader-name=pd-2",
        synced("24.001", "22.000", "27.000", "24.000"),
        "24.002|PD leader is ready to serve|leader-name=pd-2",
    )
    found = asked(first, second)
    assert [(term.server, term.won is not None, term.why) for term in found.terms.terms] == [
        ("pd-1", False, "lease has expired"),
        ("pd-2", True, ""),
    ]
    assert "for 4.002 s" in answer(found, NONE).text
    assert answer(found, SYNCED).verdict == "yes"
    assert answer(found, BACK).verdict == "unknown"


def test_a_ready_leader_without_a_sync_is_not_said_to_have_one(tmp_path: Path) -> None:
    path = log(
        tmp_path,
        "pd-1",
        "01.000|campaign PD leader ok|campaign-leader-name=pd-1",
        "01.001|PD leader is ready to serve|leader-name=pd-1",
    )
    found = answer(asked(path), SYNCED)
    assert found.verdict == "unknown"
    assert found.decided_by


def test_a_window_that_was_not_saved_here_is_anothers(tmp_path: Path) -> None:
    path = log(
        tmp_path,
        "pd-1",
        "01.000|campaign PD leader ok|campaign-leader-name=pd-1",
        synced("01.001", "00.500", "04.000", "01.000"),
        '04.000|save timestamp failed|error="saving timestamp 1772359207000000000 is less than or equal to '
        'the previous one 1772359207100000000"',
    )
    who = answer(asked(path), WHO)
    assert who.verdict == "yes"
    assert "1772359207100000000" in who.text
    assert who.evidence[0].line == 3


def test_a_refused_sync_may_have_met_a_save_of_its_own(tmp_path: Path) -> None:
    """An update may be under way beside it, and an update that saves is not logged."""
    path = log(
        tmp_path,
        "tso-1",
        "01.000|campaign tso primary ok|name=http://t:1-00000",
        synced("01.001", "00.500", "04.000", "01.000"),
        '04.000|failed to initialize the tso allocator|error="saving timestamp 1772359207000000000 is less '
        'than or equal to the previous one 1772359207100000000"',
    )
    assert answer(asked(path), WHO).verdict == "unknown"


@pytest.mark.parametrize(("ahead", "verdict"), [("03.900", "yes"), ("31.000", "unknown")])
def test_a_window_beyond_the_clock_is_as_it_should_be_within_a_save_interval(
    tmp_path: Path, ahead: str, verdict: str
) -> None:
    path = log(
        tmp_path,
        "pd-1",
        f"01.000|system time may be incorrect|last={at(ahead)}|next={at('01.000')}",
    )
    line = answer(asked(path), "is 'system time may be incorrect' harmless?")
    assert line.verdict == verdict
    assert "it starts 1 ms above" in line.text


def test_a_clock_that_was_set_back_moves_no_timestamp_back(tmp_path: Path) -> None:
    path = log(tmp_path, "pd-1", "01.000|system time jumps backward", "02.000|start to campaign PD leader")
    line = answer(asked(path), "is 'system time jumps backward' harmless?")
    assert (line.verdict, line.evidence[0].line) == ("yes", 1)


@pytest.mark.parametrize(("late", "verdict"), [("01.300", "yes"), ("19.000", "unknown")])
def test_a_late_update_is_harmless_unless_it_took_longer_than_a_lease(
    tmp_path: Path, late: str, verdict: str
) -> None:
    path = log(
        tmp_path, "pd-1", f"{late}|clock offset|jet-lag=1s|prev-physical={at('01.000')}|now={at(late)}"
    )
    assert answer(asked(path), "is 'clock offset' harmless?").verdict == verdict


def test_invalid_timestamp_is_harmless_but_of_a_leader_that_cannot_grant(tmp_path: Path) -> None:
    lines = ["00.500|start to campaign pd leader|campaign-pd-leader-name=pd-1", "00.600|invalid timestamp"]
    fine = answer(asked(log(tmp_path, "a", *lines)), "is 'invalid timestamp' harmless?")
    broken = [
        "01.000|campaign pd leader ok|campaign-pd-leader-name=pd-1",
        synced("01.001", "00.500", "04.000", "01.000"),
        "01.002|reset the timestamp in memory",
        "01.003|PD cluster leader is ready to serve|pd-leader-name=pd-1",
        "01.500|invalid timestamp",
    ]
    bad = answer(asked(log(tmp_path, "b", *broken)), "is 'invalid timestamp' harmless?")
    assert (fine.verdict, bad.verdict) == ("yes", "no")


@pytest.mark.parametrize(
    ("release", "has", "not_"),
    [
        ("v5.4.0", {"4884", "10635", "9051"}, {"9157"}),
        ("v6.5.12", {"10635"}, {"9051", "4884"}),
        ("v7.1.6", {"9051", "9157"}, {"4884", "10969"}),
        ("v7.5.5", {"9051"}, {"4884"}),
        ("v7.5.7", {"9157", "10635"}, {"9051"}),
        ("v8.5.1", {"9157", "9051"}, {"4884"}),
        ("v8.5.2", {"9157"}, {"9051"}),
        ("v8.5.7", {"9157"}, {"9051"}),
        ("v9.0.0-beta.1", {"10635"}, {"9051", "9157"}),
    ],
)
def test_a_release_has_the_bugs_that_were_not_yet_mended_in_it(
    tmp_path: Path, release: str, has: set[str], not_: set[str]
) -> None:
    path = log(
        tmp_path,
        "pd-1",
        "00.000|Welcome to Placement Driver (PD)",
        f"00.001|PD|release-version={release}",
        "00.500|lease granted|lease-id=1|lease-timeout=3|purpose=leader election",
    )
    bug = answer(asked(path), BUG)
    assert bug.verdict == "yes"
    assert all(f"{issue}: " in bug.text for issue in has)
    assert not any(f"{issue}: " in bug.text for issue in not_)


def test_which_builds_fit_is_told_by_one_line_each() -> None:
    """None of those that the logs' words allow fits, so all others are tried."""
    found = replay(reading.read([REPORTS / "stale-leader"]), properties=())
    assert {each.fence for each in found.fences if each.conforms} == {
        *("release-7.5", "release-8.3", "release-8.5"),
    }
    denied = "release-7.5 and release-8.3 and release-8.5: the logs have words of other builds"
    assert denied in found.notes
    for verdict in found.fences:
        telling = most_telling(verdict)
        if not verdict.conforms:
            assert telling is not None
            assert telling.guard == "the server's log would tell of that sync"
            assert what_stands_there(verdict) == "a save of a window to 07:11:52.000"


def test_the_line_that_a_build_cannot_write_is_quoted() -> None:
    found = replay(reading.read([REPORTS / "wrapped-logs"]), properties=())
    refuted = next(each for each in found.fences if each.conforms is False)
    assert refuted.fence == "off"
    assert what_stands_there(refuted).startswith("[2026/11/23 07:09:28.483 +00:00] [WARN] [tso.go:398]")
    assert [each.fence for each in found.fences] == ["off", "check-tso-primary"]


def test_guards_of_turns_are_not_told() -> None:
    turn = Refused("commit", "pd1", "nothing else in flight")
    role = Refused("sync_load", "pd1", "leader")
    key = Refused("commit", "pd2", "timestamp key is as read")
    verdict = FenceVerdict("off", False, None, None, (turn, role, key), 0, None, "", 0.0)
    assert most_telling(verdict) == key
    assert most_telling(replace(verdict, refused_by=(turn,))) is None


ROOT = Path(__file__).parents[2]
#: question, command and answer, as a row of the page's first table has them
ROW = re.compile(r"\| (?P<question>[^|]+\?) \| `tsofence replay (?P<path>[^`]+)` \| `(?P<answer>[^`]+)` \|")
ROWS = list(ROW.finditer((ROOT / "docs" / "operators.md").read_text(encoding="utf-8")))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["question"]))
def test_the_operators_page_says_what_is_answered(row: re.Match[str]) -> None:
    found = asked(ROOT / row["path"])
    told = [each.text for each in found.answers]
    told += ["timestamps from {} to {}".format(*each.doubtful) for each in found.answers if each.doubtful]
    assert any(row["answer"] in text for text in told)


def test_the_operators_page_answers_ten_questions() -> None:
    assert len(ROWS) == 9  # the tenth is a search


def test_tikv_was_given_more_than_pd_had_granted(tmp_path: Path) -> None:
    path = log(
        tmp_path,
        "tikv-0",
        "01.000|invalid max_ts update: 467212680882290688 exceeds the limit 467212680882028621, source=lock",
        "02.000|invalid max_ts update|attempted_ts=454831586436448257|limit=454831522761670656|source=get",
    )
    line = answer(asked(path), "is 'invalid max_ts update' harmless?")
    assert line.verdict == "unknown"
    assert "a request (get) at tikv-0 at 10:00:02.000 carried 454831586436448257" in line.text
    assert "242900 ms above" in line.text


@pytest.mark.parametrize(
    ("said", "verdict"),
    [("the specified ts too small than now", "yes"), ("the specified ts is too larger than now", "no")],
)
def test_a_reset_that_br_asked_for_and_pd_refused(tmp_path: Path, said: str, verdict: str) -> None:
    error = f'error="[403] [PD:tso:ErrResetUserTimestamp]reset user timestamp failed, {said}"'
    path = log(tmp_path, "br", f"01.000|failed to restore|{error}")
    assert answer(asked(path), "is 'ErrResetUserTimestamp' harmless?").verdict == verdict


@pytest.mark.parametrize("reverse", [False, True])
def test_rotated_pieces_are_one_servers_in_any_order(tmp_path: Path, reverse: bool) -> None:
    """The name stands in the last piece alone."""
    first = log(
        tmp_path,
        "pd-2026-03-01T10-00-05.000",
        synced("01.000", "00.500", "04.000", "01.000"),
        "01.001|PD leader is ready to serve",
    )
    last = log(
        tmp_path,
        "pd",
        "20.000|no longer a leader because lease has expired, PD leader will step down",
        "21.000|start to campaign PD leader|campaign-leader-name=pd-1",
    )
    paths = (last, first) if reverse else (first, last)
    (term,) = asked(*paths).terms.terms
    assert (term.server, term.why) == ("pd-1", "lease has expired")


def test_pieces_that_name_two_servers_are_left_as_they_are(tmp_path: Path) -> None:
    start = "01.000|start to campaign PD leader|campaign-leader-name="
    paths = [
        log(tmp_path, "pd", f"{start}pd-1", "02.000|PD leader is ready to serve"),
        log(tmp_path, "pd-2026-03-01T10-00-05.000", f"{start}pd-2", "03.000|PD leader is ready to serve"),
    ]
    assert {term.server for term in asked(*paths).terms.terms} == {"pd-1", "pd-2"}


@pytest.mark.parametrize(
    ("message", "step"),
    [
        ("lease keep alive failed", LogStep.KEEP_ALIVE_FAILED),
        ("leader lease keep alive failed", LogStep.KEEP_ALIVE_FAILED),
        ("keep alive response ttl is zero", LogStep.KEEP_ALIVE_FAILED),
        ("campaign times is too frequent, resign and campaign again", LogStep.CAMPAIGN_REFUSED),
        ("system time jump backward", LogStep.CLOCK_WENT_BACK),
        ("persisted tso window to etcd (update)", LogStep.WINDOW_SAVED),
        ("update timestamp failed", LogStep.SAVE_REFUSED),
        ("delete expected primary flag", LogStep.EXPECTED_DELETED),
        ("primary exit the primary watch loop", LogStep.EXPECTED_LEFT),
        ("skip transferring primary to itself", LogStep.TRANSFER_SKIPPED),
        ("leader value does not match", LogStep.KEY_OF_ANOTHER),
        (
            "ignored a stale allocator update failure because the timestamp state has changed",
            LogStep.STALE_FAILURE,
        ),
    ],
)
def test_words_of_the_releases(tmp_path: Path, message: str, step: LogStep) -> None:
    trace = reading.read([log(tmp_path, "pd", f"01.000|{message}")])
    assert [line.step for line in trace.logs] == [step]


def test_a_log_that_is_cut_says_nothing_of_what_came_later(tmp_path: Path) -> None:
    """The PD goes on beside the TSO server, which its log that was cut does not tell."""
    folder = TESTS / "recordings" / "upgrade-unfenced"
    whole = gzip.decompress((folder / "pd-pd1.log.gz").read_bytes())
    cut = b"".join(whole.splitlines(keepends=True)[:100])[:-30]
    (tmp_path / "pd-pd1.log").write_bytes(cut)
    files = [tmp_path / "pd-pd1.log", folder / "tso-tso1.log.gz"]
    found = answer(asked(*files), NONE)
    assert (found.verdict, found.evidence) == ("unknown", ())
    trace = reading.read([*files, folder / "etcd-recv.jsonl.gz"])
    report = replay(trace, ["off"], properties=["single-writer"])
    told = ask(trace, report.properties, report.build, ["off"])
    behind = answer(told, "is 'system time may be incorrect' harmless?")
    assert (behind.verdict, behind.text.startswith("time can have gone back")) == ("unknown", True)


def test_a_state_of_etcd_says_what_to_collect_from_there_on() -> None:
    """It has no history, so nothing can be judged on it."""
    with pytest.raises(BadInput) as refused:
        reading.read([REPORTS / "snapshot"])
    assert "a state of etcd at revision 84 (the timestamp key holds 2026-" in str(refused.value)
    assert "etcdctl watch --prefix '' --rev=85 -w json" in str(refused.value)
    beside = reading.read([REPORTS / "snapshot", REPORTS / "self-transfer"])
    assert any("--rev=85" in reason for source in beside.sources for reason in source.reasons)


def test_a_server_that_died_was_there_as_long_as_its_log_and_its_saves_tell(tmp_path: Path) -> None:
    """The save by which the next one begins is no sign of it."""
    logs = [next((TESTS / "recordings" / "pd-failover").glob(f"pd-pd{n}.log*")) for n in (1, 2, 3)]
    watch = next((TESTS / "recordings" / "pd-failover").glob("etcd-recv*"))
    assert "for at most 15." in answer(asked(*logs, watch), NONE).text
    assert "the last sign of pd3" in answer(asked(*logs), NONE).text


def test_a_pd_that_hands_over_has_not_lost_its_memory(tmp_path: Path) -> None:
    """It closes its allocator before it is ready, and a TSO server serves."""
    path = log(
        tmp_path,
        "pd-1",
        "01.000|campaign PD leader ok|campaign-leader-name=pd-1",
        synced("01.001", "00.500", "04.000", "01.000"),
        "01.002|closing the TSO allocator",
        "01.002|reset the timestamp in memory",
        "01.003|PD leader is ready to serve|leader-name=pd-1",
    )
    found = asked(path)
    assert found.terms.terms[0].cleared is None
    assert answer(found, SYNCED).verdict != "no"


def test_a_save_of_a_server_of_which_no_line_tells_an_election_may_be_a_primarys(tmp_path: Path) -> None:
    """The line may have been left out: that is no bug yet."""
    path = log(
        tmp_path,
        "tso-1",
        "00.500|start to campaign the primary|name=http://t:1-00000",
        synced("01.001", "00.500", "04.000", "01.000"),
    )
    found = asked(path)
    assert answer(found, WHO).verdict == "unknown"
    assert answer(found, BUG).verdict == "unknown"


def test_takeovers_in_a_row_add_a_save_interval_each(tmp_path: Path) -> None:
    """Each begins where the window of the one before ends, before that has passed."""
    path = log(
        tmp_path,
        "pd-1",
        "01.000|start to campaign PD leader|campaign-leader-name=pd-1",
        synced("01.001", "03.000", "06.001", "03.001"),
        f"02.000|system time may be incorrect|last={at('06.001')}|next={at('02.000')}",
        synced("02.001", "06.001", "09.002", "06.002"),
    )
    line = answer(asked(path), "is 'system time may be incorrect' harmless?")
    assert line.verdict == "yes"
    assert "each takeover before the last window has passed adds up to a save interval (3 s)" in line.text


def shown(found: Asked, width: int = 80) -> str:
    """What a terminal has of it without details, lines joined."""
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(answered(found, [], details=False))
    return console.export_text()


def test_the_table_of_terms_says_that_windows_are_windows() -> None:
    """What a sync read and saved are ends of windows: neither is when it synced."""
    told = shown(asked(REPORTS / "stale-leader"), 120)
    assert "synced" not in told.splitlines()[1]
    assert "07:11:27.794 to" in told
    assert "  to 07:11:21.748  " in told  # nothing was saved before


INTERVALS = TESTS / "recordings" / "pr-intervals-differ"


def test_a_property_that_calls_violate_shows_the_bug_that_violates_it() -> None:
    """Both served, of which no line tells; where nothing is violated, none is shown."""
    trace = reading.read([INTERVALS])
    pair = (trace.calls[0], trace.calls[1])
    violated = Judgement("one-live", "violated", 18, pair)
    build = recognise(trace.versions)
    bug = answer(ask(trace, [violated], build), BUG)
    assert bug.verdict == "yes"
    assert bug.text.startswith(
        "one-live is violated 18 times: a PD in service mode and a TSO server both serve"
    )
    assert bug.evidence == (pair[1].where,)
    assert "of which no line here shows one" in answer(ask(trace, [], build), BUG).text


def test_a_line_is_not_called_harmless_where_time_went_back() -> None:
    """The window that a TSO server found is a PD's, saved for that PD's own save interval."""
    trace = reading.read([INTERVALS])
    line = answer(
        ask(trace, judge(trace), recognise(trace.versions)), "is 'system time may be incorrect' harmless?"
    )
    assert line.verdict == "unknown"
    assert line.text.startswith("time went back in this recording")
    assert "a save interval (5 s of pd1)" in line.text
    assert "order is kept" not in line.text


def test_bugs_are_those_of_the_builds_that_explain_the_trace() -> None:
    """Words of a log tell less than what it did; what a server says of itself tells more."""
    trace = reading.read([REPORTS / "stale-leader"])
    told = recognise(trace.versions)
    bug = answer(ask(trace, (), told, ["release-7.5", "release-8.5"]), BUG)
    assert bug.text.startswith("release-7.5 or release-8.5 has")
    assert "9157: " in bug.text
    assert answer(ask(trace, (), told), BUG).text.startswith("nextgen-8.5.4 or pull-10473-base has")
    trace = reading.read([INTERVALS])
    own = answer(ask(trace, (), recognise(trace.versions), ["release-7.5"]), BUG)
    assert own.text.startswith("pull-10473-base has")


def test_when_a_call_began_is_told_only_where_somebody_knows() -> None:
    """A panic line has when answers were received."""
    first, later = reading.read([REPORTS / "panic-line" / "tidb-0.log"]).calls
    assert first.untold_start
    assert when_of(first) == "answered at 23:18:15.177"
    assert when_of(later) == "answered at 23:18:15.190"
    assert when_of(replace(first, untold_start=False)) == "23:17:15.177 to 23:18:15.177"
