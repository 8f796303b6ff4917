"""Files that mean no good: what they cost is bounded, and what they say reaches no terminal as it is."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import socket
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tsofence.specs import scenario
from tsofence.traces.explain import conformance, search, streams
from tsofence.traces.explain import replay as replaying
from tsofence.traces.judge import exact
from tsofence.traces.output import faults
from tsofence.traces.output.terminal import Terminal, clean, one_line
from tsofence.traces.page import pages
from tsofence.traces.questions.ask import ask
from tsofence.traces.runs import files as run_files
from tsofence.traces.runs.rerun import rerun
from tsofence.traces.sources import lines, pdlog, reading
from tsofence.traces.sources.calls import ROW
from tsofence.traces.sources.naming import Places
from tsofence.traces.sources.observation import MAX_NS, NS_PER_MS, BadInput, LogStep
from tsofence.traces.sources.servers import MAX_SERVERS
from tsofence.traces.story import show
from tsofence.traces.tell import results
from tsofence.traces.tell.explored import explored
from tsofence.traces.tell.matrix import Exploring
from tsofence.traces.tell.outlet import as_json
from tsofence.traces.tell.progress import Steps
from tsofence.traces.tell.replayed import replayed, rerun_text

from ..documents import read_document

GOLDEN = Path(__file__).parents[1] / "runs" / "tso-restart.check-tso-primary.unique.json"
#: escape sequences, markup, overrides of direction, a line of its own, half a character
HOSTILE = "[/bold]x[red]\x1b[2J\x9b31m\u202e\x07\rfake\nunique   holds\u2028"
HEAD = '[2026/11/23 07:09:28.483 +00:00] [INFO] [a.go:1] ["reset-ts"] '


def printed(*parts: Any) -> str:
    out = io.StringIO()
    terminal = Terminal(file=out)
    for part in parts:
        terminal.print(part)
    return out.getvalue()


def assert_harmless(text: str) -> None:
    for line in text.split("\n"):
        assert line.isprintable(), ascii(line)
        assert not line.startswith("unique   holds")


def varint(number: int) -> bytes:
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + varint(number >> 7)


def field(number: int, text: str) -> bytes:
    content = text.encode()
    return varint(number << 3 | 2) + varint(len(content)) + content


def event(revision: int, key: str, value: bytes, version: int = 1) -> dict[str, Any]:
    pair = {"key": b64encode(key.encode()).decode(), "value": b64encode(value).decode()}
    lease = {} if key.endswith("/timestamp") else {"lease": 7}
    return {"kv": {**pair, "mod_revision": revision, "version": version, **lease}}


def watch(*events: dict[str, Any]) -> str:
    return json.dumps({"Header": {"revision": 99}, "Events": list(events)}) + "\n"


def call(client: str, at: int, physical: int, endpoint: str = "e") -> str:
    known = {"client": client, "kind": "pd", "endpoint": endpoint, "error": ""}
    times = {"start_unix_ns": at, "end_unix_ns": at + 1, "physical": physical, "logical": 1, "count": 1}
    return json.dumps({**known, **times}) + "\n"


# --- what reaches a terminal -----------------------------------------------------------------------


def test_a_terminal_gets_nothing_that_it_could_obey() -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(HOSTILE, title=HOSTILE)
    table.add_row(HOSTILE)
    text = printed(HOSTILE, Text(HOSTILE), table, "\ud800")
    assert "[/bold]x[red]" in text
    for line in text.split("\n"):
        assert line.isprintable()
    assert_harmless(clean(HOSTILE))
    assert clean("2·guard\N{NO-BREAK SPACE}≤\N{NO-BREAK SPACE}window").count("\N{NO-BREAK SPACE}") == 2
    assert_harmless(one_line(f"{HOSTILE}: no such file"))
    assert len(one_line("x" * 10**6)) < 3_000


def test_hostile_names_in_recordings(tmp_path: Path) -> None:
    """Every field of every format that is printed: of etcd, of logs, of client samples, of files."""
    folder = tmp_path / "x["
    folder.mkdir()
    leader = field(1, HOSTILE) + field(4, HOSTILE)
    events = [
        event(2, "/pd/1/leader", leader),
        event(3, f"/ms/1/tso/registry/{HOSTILE.replace(chr(10), '')}", HOSTILE.encode()),
        event(4, "/ms/1/tso/00000/primary", field(1, HOSTILE) + field(3, HOSTILE + "2")),
        event(5, "/pd/1/timestamp", (10**18).to_bytes(8, "big")),
        event(6, "/pd/1/timestamp", (10**18 - 10**9).to_bytes(8, "big")),
    ]
    (folder / "b].gz").write_bytes(gzip.compress(watch(*events).encode()))
    (folder / "calls\x1b[31m\n").write_text(
        call(HOSTILE, 10, 20, HOSTILE) + call(HOSTILE, 20, 20, HOSTILE) + call(HOSTILE, 30, 10, HOSTILE)
    )
    quoted = json.dumps(HOSTILE)
    config = json.dumps(json.dumps({"name": HOSTILE, "lease": 3, "advertise-client-urls": HOSTILE}))
    log = HEAD.replace("reset-ts", "PD config") + f'[config={config}] [enable-keyspace-group="true"]\n'
    log += HEAD.replace('"reset-ts"', '"save timestamp failed"') + f"[error={quoted}] [{quoted}={quoted}]\n"
    log += f"{HOSTILE}\n"
    (folder / "\u202elog[red]").write_text(log)
    read: list[str] = []
    trace = reading.read([folder], progress=read.append)
    found = replaying.replay(trace)
    assert {source.kind.value for source in trace.sources} == {"etcd watch", "client samples", "PD log"}
    assert {"unique", "real-time", "session", "key-monotone"} <= {
        each.property for each in found.properties if each.verdict == "violated"
    }
    assert_harmless(printed(replayed(found, {("off", "x"): HOSTILE}, details=True)))
    out = io.StringIO()
    terminal = Terminal(file=out)
    with Steps(terminal, live=True) as screen:
        for name in read:
            screen.reading(name)
        terminal.print(screen._bar.make_tasks_table(screen._bar.tasks))
    assert_harmless(out.getvalue())
    assert read_document(
        as_json(results.replayed(found, ask(trace, found.properties, found.build), Places(trace)))
    )["properties"]


def test_hostile_names_in_a_run() -> None:
    document = json.loads(GOLDEN.read_bytes().replace(b"pd1", b"X").replace(b"tso1", b"Y"))
    text = json.dumps({**document, "title": HOSTILE}).replace('"X"', json.dumps(HOSTILE))
    run = run_files.parse(text.encode(), "run.json")
    again = rerun(run, ["off", "save-cas"], [])
    assert_harmless(printed(show.text(run), rerun_text(again)))
    for told in (show.mermaid(run), pages.of_run(run)):
        assert_harmless(told)
        assert "<red>" not in told
    page = pages.of_run(run_files.parse(text.replace("[red]", "<script>").encode(), "run.json"))
    assert page.count("<script") == 2, "its data and its own"


@pytest.mark.parametrize(
    "key", ["description", "liveness", HOSTILE, f"faults.{HOSTILE}", f"servers.{HOSTILE}"]
)
def test_hostile_words_in_a_scenario(key: str) -> None:
    parts = ".".join(json.dumps(part) for part in key.split(".", 1))
    text = f"{parts} = {json.dumps(HOSTILE)}\n[time]\nwindow = 3\n[servers]\npd = 1\ntso = 1\n"
    if key.startswith("servers."):
        text = f"{parts} = 1\nservers.pd = 1\nservers.tso = 1\ntime.window = 3\n"
    try:
        world = scenario.parse(text, HOSTILE, "mine.toml")
    except scenario.ScenarioError as error:
        assert_harmless(one_line(error))
        assert key != "description"
    else:
        screen = Exploring(Terminal(file=io.StringIO()), world, ["off"], ["unique"], live=False)
        assert_harmless(printed(screen._render(), explored(world, [], {}, tell_runs=True)))


# --- what it costs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", ['[a="b\\"', "[", '["', '[a="', "[a=", '["\\', "[a=b", '[a="x" '])
def test_a_log_line_takes_linear_time(piece: str) -> None:
    """A million characters: quadratic time would be hours."""
    line = (HEAD + piece * (1_000_000 // len(piece))).encode()
    pdlog.decode("log", [(1, line), (2, line[len(HEAD) - 15 :])], lines.Tally())


def test_fields_are_read_as_they_are_logged() -> None:
    line = HEAD.replace("reset-ts", "save timestamp failed") + r'[] [a=b] ["x y"="[1]"] [error="a\"]\\ b"]'
    (log,) = pdlog.decode("log", [(1, line.encode())], lines.Tally())
    (event,) = log.events
    assert event.text == 'a"]\\ b'


@pytest.mark.parametrize("joined", ["[bare] [a=b]", r'[resp="{\"a\":1"]', r'[resp="{\"a\" 1}"]', '[a="{a"]'])
def test_a_line_joined_of_two_is_damaged(joined: str) -> None:
    """Where a part of a log is lost, a line may begin as one and end as another."""
    tally = lines.Tally()
    line = HEAD.replace("reset-ts", "save timestamp failed") + joined
    (log,) = pdlog.decode("log", [(1, line.encode())], tally)
    assert not log.events
    assert tally.skipped == 1


@pytest.mark.parametrize("packed", [True, False])
def test_lines_that_cannot_be_read_end_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(lines, "MAX_SKIPPED", 100)
    content = watch(event(2, "/pd/1/timestamp", bytes(8))).encode() + b"?\n" * 10_000
    (tmp_path / "watch").write_bytes(gzip.compress(content) if packed else content)
    (source,) = reading.read([tmp_path]).sources
    assert (source.observations, source.skipped, source.truncated) == (1, 101, True)
    assert source.reasons[-1] == "more than 100 lines cannot be read"


def test_observations_have_room_for_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_KEPT", 10 * ROW.itemsize + 2 * lines.OBSERVATION)
    for name in "abc":  # calls are read some at a time
        (tmp_path / name).write_text("".join(call(name, at, at + 1) for at in range(8)))
    *read, last = reading.read([tmp_path]).sources
    assert [(each.observations, each.truncated) for each in read] == [(8, False)] * 2
    assert (last.observations, last.truncated) == (0, True)
    assert "observations take more than" in last.reasons[-1]


def test_a_file_of_any_size_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_SIZE", 1 << 20)
    (tmp_path / "calls").write_text("".join(call("c", at, 1) for at in range(30_000)))
    (source,) = reading.read([tmp_path]).sources
    assert source.truncated
    assert "there are more than 0 GiB" in source.reasons
    # members without a text count as well: this file would be read four times as far
    (tmp_path / "calls").write_bytes(zlib.compress(b"", wbits=31) * 200_000)
    with pytest.raises(BadInput, match="expected an etcd watch stream"):
        reading.read([tmp_path])


def test_only_what_ends_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for path in ("pipe", "loop", "socket", "/dev/zero", "/dev/null"):
            with pytest.raises(BadInput, match="that can be read; check the path"):
                reading.read([path])
            with pytest.raises(BadInput, match="that can be read; check the path"):
                run_files.load(path)
            Path("link.toml").unlink(missing_ok=True)
            Path("link.toml").symlink_to(path)
            with pytest.raises(scenario.ScenarioError, match=r"link\.toml: cannot be read"):
                scenario.load("link.toml")


def test_a_folder_of_very_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MANY_FILES", 3)
    for name in "abcd":
        (tmp_path / name).touch()
    with pytest.raises(BadInput, match="at most 3 files"):
        reading.read([tmp_path])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = " + "[" * 5_000, "nesting within reason"),
        ("a = " + "{a = " * 5_000, "nesting within reason"),
        ("a = " + "9" * 5_000, "numbers"),
        ("\n".join(f"a.b{i} = 1" for i in range(100_000)), "at most 32 KiB"),
        ("servers.pd = 0x" + "f" * 5_000, "got a number of many digits"),
        ("servers.pd = 1\nservers.tso = [" + "1," * 5_000 + "]", "got a list of 5000"),
        ("x" * 1_000 + " = 1", "a scenario has the sections"),
    ],
)
def test_a_scenario_is_bounded(text: str, says: str) -> None:
    with pytest.raises(scenario.ScenarioError) as caught:
        scenario.parse(text, "mine", "mine.toml")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_number_given_often_is_given_once() -> None:
    many = ", ".join(["1"] * 3_000)
    text = f"servers = {{pd = 1, tso = 1}}\ntime.window = 3\nclients = {{limit = 3, counts = [{many}, 2]}}\n"
    assert scenario.parse(text, "mine", "mine.toml").counts == (1, 2)


def test_a_long_run_is_told_from_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    from tsofence.traces.story import as_text

    monkeypatch.setattr(as_text, "_MOST", 10)
    text = printed(show.text(run_files.load(GOLDEN)))
    assert "steps 6 to 15 are left out here" in text
    assert "│t+0  │" in text
    for number, there in ((5, True), (6, False), (15, False), (16, True), (20, True)):
        assert (re.search(rf"^ *{number} +│t", text, re.MULTILINE) is not None) is there
    assert "Breaks unique" in text


# --- what cannot be explained ----------------------------------------------------------------------


@pytest.mark.parametrize("key", ["/pd/1/leader", "/ms/1/tso/00000/primary"])
@pytest.mark.parametrize(
    "value", [b"pd1", b"", field(1, ""), field(1, "x" * 501) + field(3, "y"), field(2, "")]
)
def test_an_election_key_that_names_nobody(tmp_path: Path, key: str, value: bytes) -> None:
    """It is a value that cannot be decoded, not one of server 0."""
    known = field(1, "pd1") + field(4, "http://pd1")
    (tmp_path / "watch").write_text(watch(event(2, "/pd/1/leader", known), event(3, key, value)))
    trace = reading.read([tmp_path])
    assert trace.sources[0].reasons == ("1 x value that cannot be decoded (first: line 1)",)
    assert {each.conforms for each in replaying.replay(trace).fences} == {None}


def test_what_is_no_time_in_any_file(tmp_path: Path) -> None:
    """Times after 2116 or before 1970: else an explanation would have them, and its own file be refused."""
    beyond = MAX_NS.to_bytes(8, "big")
    events = [event(2, "/pd/1/leader", field(1, "pd1") + field(4, "http://pd1"))]
    events += [event(3, "/pd/1/timestamp", beyond), event(4, "/pd/1/timestamp", b"\xff" * 8)]
    (tmp_path / "watch").write_text(
        json.dumps({"recv_unix_ns": MAX_NS, "response": json.loads(watch(*events))}) + "\n"
    )
    (tmp_path / "calls").write_text(
        call("c", 1, 1) + call("c", 1, MAX_NS // NS_PER_MS) + call("c", MAX_NS - 1, 1)
    )
    times = (
        "2200/01/01 00:00:00.000 +00:00",
        "1969/12/31 23:59:59.999 +00:00",
        "1970/01/01 00:00:00.000 +01:00",
    )
    granted = HEAD.replace("reset-ts", "lease granted") + "[lease-timeout=9999999999]\n"
    reset = HEAD + f"[new-ts={10**19 - 1}]\n"
    config = json.dumps(json.dumps({"name": "pd1", "lease": 1 << 31, "tso-save-interval": "2000000h"}))
    start = HEAD.replace("reset-ts", "PD config") + f"[config={config}]\n"
    late = "".join(reset.replace("2026/11/23 07:09:28.483 +00:00", time) for time in times)
    (tmp_path / "log").write_text(start + granted + reset + late)
    trace = reading.read([tmp_path])
    assert [(each.revision, each.latest_ns) for each in trace.keys] == [(2, None)]
    assert [where.line for where in trace.undecoded] == [1, 1]
    assert len(trace.calls) == 1
    assert [(each.step, each.lease_s, each.next_ns) for each in trace.logs[1:]] == [
        (LogStep.LEASE_GRANTED, None, None),
        (LogStep.ADMIN_RESET, None, None),
    ]
    assert (trace.settings.lease_s, trace.settings.save_interval_ns) == (None, None)
    assert {each.conforms for each in replaying.replay(trace).fences} == {None}


def test_servers_that_cannot_be_told_apart(tmp_path: Path) -> None:
    same = field(1, "http://a") + field(3, "http://a")
    events = [event(2, "/pd/1/leader", same), event(3, "/ms/1/tso/00000/primary", same)]
    many = [
        event(at, "/pd/1/leader", field(1, f"pd{at}") + field(4, "http://a"))
        for at in range(2, MAX_SERVERS + 3)
    ]
    for found, why in ((events, "of a PD and of a TSO server"), (many, "17 servers, where 16 can be")):
        (tmp_path / "watch").write_text(watch(*found) + watch(event(50, "/pd/1/timestamp", bytes(8))))
        told = replaying.replay(reading.read([tmp_path]))
        assert {(each.conforms, why in each.note) for each in told.fences} == {(None, True)}
        assert {each.verdict for each in told.properties if each.property == "single-writer"} == {"unknown"}


def saves(path: Path, count: int) -> Path:
    """A PD that saves a window every three seconds."""
    leader = event(2, "/pd/1/leader", field(1, "pd1") + field(4, "http://pd1"))
    written = [((10**9 + (at + 1) * 3_001) * 10**6).to_bytes(8, "big") for at in range(count)]
    path.write_text(
        watch(leader, *(event(3 + at, "/pd/1/timestamp", w, at + 1) for at, w in enumerate(written)))
    )
    return path


def test_explanations_have_room_for_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = reading.read([saves(tmp_path / "watch", 60)])
    (whole,) = replaying.replay(trace, ["off"]).fences
    assert whole.conforms is True
    monkeypatch.setattr(conformance, "MAX_BYTES", 100_000)
    (cut,) = replaying.replay(trace, ["off"]).fences
    assert cut.conforms is None
    assert "the room for explanations ended after" in cut.note
    assert cut.explanations
    monkeypatch.setattr(conformance, "MAX_BYTES", 100)
    assert [each.conforms for each in replaying.replay(trace, ["off"]).fences] == [None]


def test_layers_that_are_forgotten_only_shorten_detours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for all explanations, but not for all that did not become one."""
    folder = Path(__file__).parents[1] / "recordings" / "upgrade-unfenced"
    trace = reading.read([folder / "etcd.jsonl.gz"])
    for memory in (200_000, 1_000_000, search.MAX_BYTES):
        monkeypatch.setattr(conformance, "MAX_BYTES", memory)
        off, fenced = replaying.replay(trace).fences
        assert off.conforms in (True, None)
        assert fenced.conforms in (False, None)
    assert (off.conforms, fenced.conforms) == (True, False)


def test_what_is_too_much_to_explain_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves(tmp_path / "watch", 3)
    calls = [call("c", 10**15 + at * 10**6, 10**9 + at, "http://pd1") for at in range(20)]
    (tmp_path / "calls").write_text("".join(calls))
    trace = reading.read([tmp_path])
    monkeypatch.setattr(streams, "MAX_SEEN", 10)
    (told,) = replaying.replay(trace, ["off"]).fences
    assert (told.conforms, told.note) == (
        None,
        "20 calls are too many to be explained; replay a shorter time",
    )
    monkeypatch.setattr(streams, "MAX_SEEN", 3)
    found = replaying.replay(trace, ["off"])
    assert found.fences[0].note == "not explained: 4 observations, where 3 can be explained"
    assert {each.property: each.verdict for each in found.properties}["unique"] == "holds"


# --- faults ----------------------------------------------------------------------------------------


def test_a_fault_costs_only_what_it_is_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "calls").write_text(call("c", 1, 1) + call("c", 5, 1))

    def broken(*_: object) -> None:
        raise KeyError(HOSTILE)

    trace = reading.read([tmp_path])
    monkeypatch.setitem(exact.PROPERTIES, "session", broken)
    held = faults.Held()
    found = {each.property: each for each in replaying.replay(trace, held=held).properties}
    assert found["unique"].verdict == "violated"
    assert (found["session"].verdict, found["session"].note) == ("unknown", conformance.FAULT)
    with pytest.raises(KeyError):
        held.release()
    monkeypatch.setattr(conformance, "World", broken)
    held = faults.Held()
    told = replaying.replay(trace, ["off"], properties=["unique"], held=held)
    assert [(each.conforms, each.note) for each in told.fences] == [(None, conformance.FAULT)]
    assert [each.verdict for each in told.properties] == ["violated"]
    assert isinstance(held.error, KeyError)
    with pytest.raises(KeyError):
        replaying.replay(trace, ["off"])
    # a fault before anything is explained
    monkeypatch.setattr(replaying, "timeline", broken)
    held = faults.Held()
    told = replaying.replay(trace, ["off"], held=held)
    verdicts = {each.property: (each.verdict, each.note) for each in told.properties}
    assert verdicts["unique"][0] == "violated"
    assert verdicts["session"] == verdicts["single-writer"] == ("unknown", conformance.FAULT)
    assert [(each.conforms, each.note) for each in told.fences] == [(None, conformance.FAULT)]
    assert isinstance(held.error, KeyError)
    with pytest.raises(KeyError):
        replaying.replay(trace, ["off"])
