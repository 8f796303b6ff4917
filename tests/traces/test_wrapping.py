"""Log lines in what others put around them: what is read is the same."""

import csv
import gzip
import html
import json
import textwrap
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path

import pytest

from tsofence.traces.clocks.hosts import clocks_set
from tsofence.traces.sources import pdlog
from tsofence.traces.sources.lines import Lines, Tally
from tsofence.traces.sources.observation import LogEvent
from tsofence.traces.sources.packing import opened
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.trace import Kind
from tsofence.traces.sources.wrapping import unwrap, unwrapped

RECORDING = Path(__file__).parents[1] / "recordings" / "pr-slow-load-small"
ISO = "2026-11-23T07:09:26.689123456Z"


def cri(line: str, number: int) -> Iterator[str]:
    """Every third line in two parts."""
    if number % 3:
        yield f"{ISO} stdout F {line}"
    else:
        yield f"{ISO} stderr P {line[:40]}"
        yield f"{ISO} stderr F {line[40:]}"


def docker(line: str, number: int) -> Iterator[str]:
    first, rest = (line, "") if number % 3 else (line[:90], line[90:])
    if rest:
        yield json.dumps({"log": first, "stream": "stdout", "time": ISO})
    yield json.dumps({"log": (rest or first) + "\n", "stream": "stdout", "time": ISO})


def one(form: Callable[[str, int], str]) -> Callable[[str, int], Iterator[str]]:
    return lambda line, number: iter([form(line, number)])


def broken(line: str, indent: str) -> Iterator[str]:
    """As a screen shows it that is 120 wide."""
    for at in range(0, len(line), 120):
        yield (indent if at else "") + line[at : at + 120]


QUOTE, POD = '"', {"pod_name": "pd-0"}

#: by who wraps: a line in it, and whose line it is then said to be
FORMS = {
    "cri": (cri, ""),
    "docker": (docker, ""),
    "journald": (
        one(lambda line, _: json.dumps({"MESSAGE": line, "_HOSTNAME": "pd-0", "_PID": "1"})),
        "pd-0",
    ),
    "syslog": (one(lambda line, _: f"Nov  3 07:09:26 pd-0 pd-server[812]: {line}"), "pd-0"),
    "syslog, ISO": (one(lambda line, _: f"2026-11-23T07:09:26+0000 pd-0 pd-server[812]: {line}"), "pd-0"),
    "syslog, RFC 5424": (one(lambda line, _: f"<14>1 {ISO} pd-0 pd-server 812 - - {line}"), "pd-0"),
    "quoted": (one(lambda line, _: f"> > {line}"), ""),
    "indented": (one(lambda line, _: f"    {line}"), ""),
    "list": (one(lambda line, _: f"- {line}"), ""),
    "two spaces": (one(lambda line, _: line.replace("] [", "]  [")), ""),
    "tabs": (one(lambda line, _: line.replace("] [", "]\t[")), ""),
    "no-break spaces": (one(lambda line, _: line.replace("] [", "]\N{NO-BREAK SPACE}[")), ""),
    "small letters": (one(lambda line, _: line.replace("[INFO]", "[info]", 1)), ""),
    "microseconds": (one(lambda line, _: line.replace(" +00:00]", "999 +00:00]", 1)), ""),
    "Zulu time": (one(lambda line, _: line.replace(" +00:00]", "Z]", 1)), ""),
    "ISO time": (one(lambda line, _: line.replace("/", "-", 2).replace(" +00:00]", "+0000]", 1)), ""),
    "compose, tabs": (one(lambda line, _: "pd-0     | " + line.replace("] [", "]\t[")), "pd-0"),
    "HTML": (one(lambda line, _: html.escape(line)), ""),
    "kubectl --timestamps": (one(lambda line, _: f"{ISO} {line}"), ""),
    "kubectl --prefix": (one(lambda line, _: f"[pod/basic-pd-0/pd] {line}"), "pod/basic-pd-0/pd"),
    "stern": (one(lambda line, _: f"basic-pd-0 pd {line}"), "basic-pd-0 pd"),
    "compose": (one(lambda line, _: f"pd-0     | {line}"), "pd-0"),
    "grep": (one(lambda line, _: f"logs/pd-0.log:{line}"), "logs/pd-0.log"),
    "grep -n": (one(lambda line, number: f"logs/pd-0.log:{number}:{line}"), "logs/pd-0.log"),
    "grep -n, one file": (one(lambda line, number: f"{number}:{line}"), ""),
    "grep -C": (one(lambda line, number: f"pd-0.log-{number}-{line}"), "pd-0.log"),
    "grep in kubectl": (one(lambda line, number: f"{number}:[pod/pd-0/pd] {ISO} {line}"), "pod/pd-0/pd"),
    "colours": (one(lambda line, _: f"\x1b[32m{line[:30]}\x1b[0m{line[30:]}\x1b[K"), ""),
    "Windows": (one(lambda line, _: f"{line}\r"), ""),
    "title": (one(lambda line, _: f"\x1b]0;pd\x07{line}"), ""),
    "journald, us": (one(lambda line, _: f"Nov 23 07:09:26.689123 pd-0 pd-server[812]: {line}"), "pd-0"),
    "journald, full": (one(lambda line, _: f"Mon 2026-11-23 07:09:26 UTC pd-0 pd[812]: {line}"), "pd-0"),
    "journald, unix": (one(lambda line, _: f"1763881766.689123 pd-0 pd-server[812]: {line}"), "pd-0"),
    "journald, bytes": (one(lambda line, _: json.dumps({"MESSAGE": [*line.encode()]})), ""),
    "fluent-bit": (
        one(lambda line, _: json.dumps({"stream": "o", "_p": "F", "log": line, "kubernetes": POD})),
        "pd-0",
    ),
    "Elastic": (one(lambda line, _: json.dumps({"_source": {"message": line, "host": "pd-0"}})), "pd-0"),
    "rg --json": (one(lambda line, _: json.dumps({"data": {"lines": {"text": line + "\n"}}})), ""),
    "CSV": (one(lambda line, number: f'{number},"{line.replace(QUOTE, QUOTE * 2)}",pd-0'), ""),
    "logcli": (one(lambda line, _: f'{ISO} {{namespace="a",pod="pd-0"}} {line}'), "pd-0"),
    "aws logs tail": (one(lambda line, _: f"{ISO} pd/pd-0/8a7f {line}"), "pd/pd-0/8a7f"),
    "gh run view": (one(lambda line, _: f"integration\tRun all tests\t{ISO} {line}"), ""),
    "Jenkins": (one(lambda line, _: f"[{ISO}] {line}"), ""),
    "Jenkins, elapsed": (one(lambda line, _: f"00:01:26.123  {line}"), ""),
    "chat": (one(lambda line, _: f"[7:09 AM] {line}"), ""),
    "numbered": (one(lambda line, number: f"{number:6}\t{line}"), ""),
    "stern, namespaces": (one(lambda line, _: f"tidb-cluster basic-pd-0 pd {line}"), "basic-pd-0 pd"),
    "stern, times": (one(lambda line, _: f"basic-pd-0 pd {ISO} {line}"), "basic-pd-0 pd"),
    "grep, a blank": (one(lambda line, number: f"pd 0.log:{number}:{line}"), "pd 0.log"),
    "a screen": (lambda line, _: broken(line, ""), ""),
    "a screen, indented": (lambda line, _: broken(line, "    "), ""),
}


def plain() -> list[str]:
    text = gzip.decompress((RECORDING / "pd-pd1.log.gz").read_bytes()).decode()
    return text.splitlines()


def events(lines: list[str], file: str = "pd-x.log") -> list[tuple[object, ...]]:
    """What is read of a log, without the places."""
    tally = Tally()
    numbered = ((number, line.encode()) for number, line in enumerate(lines, 1))
    (log,) = pdlog.decode(file, numbered, tally)
    assert not tally.reasons
    names = [name for name in LogEvent.__slots__ if name != "where"]
    return [tuple(getattr(event, name) for name in names) for event in log.events]


@pytest.mark.parametrize("form", FORMS)
def test_a_wrapped_log_says_the_same(form: str) -> None:
    wrap, of = FORMS[form]
    wrapped = [each for number, line in enumerate(plain(), 1) for each in wrap(line, number)]
    assert events(wrapped) == events(plain())
    assert pdlog.recognise(wrapped[0].encode())
    marked = {line.of for line in unwrapped(((1, each.encode()) for each in wrapped), Tally())}
    assert marked == {of}


def test_a_log_in_json_says_the_same() -> None:
    """PD with `log.format = "json"`."""
    fields = {
        "last": "2026/07/02 12:18:35.010 +00:00",
        "last-saved": "0001/01/01 00:00:00.000 +00:00",
        "save": "2026/07/02 12:18:40.011 +00:00",
        "next": "2026/07/02 12:18:35.011 +00:00",
    }
    head = {
        "level": "info",
        "time": "2026/11/23 07:09:28.483 +00:00",
        "caller": "tso.go:230",
        "message": "sync and save timestamp",
    }
    begin = '[2026/11/23 07:09:28.483 +00:00] [INFO] [tso.go:230] ["sync and save timestamp"]'
    text = begin + "".join(f" [{key}={value}]" for key, value in fields.items())
    as_json = json.dumps(head | fields)
    assert events([as_json]) == events([text])
    docker = json.dumps({"log": as_json + "\n", "stream": "stdout", "time": ISO})
    assert events([docker]) == events([text])

    in_cri = f"{ISO} stdout F {as_json}"
    assert events([in_cri]) == events([text])


def test_the_lines_in_one_document_are_all_read(tmp_path: Path) -> None:
    """As Loki answers: the newest first."""
    values = [["0", line] for line in reversed(plain())]
    document = {"status": "success", "data": {"result": [{"stream": {"pod": "pd-0"}, "values": values}]}}
    assert events([json.dumps(document)]) == events(plain())
    (tmp_path / "loki.json").write_text(json.dumps(document, indent=2))
    (source,) = read([tmp_path]).sources
    assert (source.kind, source.skipped) == (Kind.PD_LOG, 0)


@pytest.mark.parametrize("headings", ["timestamp,message", "Time,Line", "@timestamp,message,host"])
def test_a_log_in_a_table_is_no_table_of_samples(headings: str, tmp_path: Path) -> None:
    rows = [f'2026-11-23T07:09:26Z,"{line.replace(QUOTE, QUOTE * 2)}",a' for line in plain()]
    (tmp_path / "export.csv").write_text("\n".join([headings, *rows]) + "\n")
    (source,) = read([tmp_path]).sources
    assert (source.kind, source.skipped) == (Kind.PD_LOG, 0)


def test_a_log_of_etcd_is_none_of_samples(tmp_path: Path) -> None:
    line = {"level": "warn", "ts": "2026-11-23T07:09:26.689Z", "msg": "apply took too long", "error": "x"}
    (tmp_path / "etcd.log").write_text((json.dumps(line) + "\n") * 3)
    (tmp_path / "pd.log").write_text("\n".join(plain()) + "\n")
    kinds = {Path(source.file).name: source.kind for source in read([tmp_path]).sources}
    assert kinds == {"etcd.log": Kind.IGNORED, "pd.log": Kind.PD_LOG}


def test_a_line_without_an_end_that_is_all_of_a_file_is_read(tmp_path: Path) -> None:
    """As it is pasted, or typed from a screenshot, broken between words."""
    line = next(line for line in plain() if '"sync and save timestamp"' in line)
    written = line, "\n".join(textwrap.wrap(line, 72)) + "\n", "\n".join(textwrap.wrap(line, 130)) + "\n"
    for number, text in enumerate(written):
        (tmp_path / f"{number}.txt").write_text(text)
        (event,) = read([tmp_path / f"{number}.txt"]).logs
        assert event.save_ns is not None


def test_what_is_torn_in_a_log_of_longer_lines_is_not_put_together() -> None:
    head = "[2026/11/23 07:09:28.483 +00:00] [INFO] [tso.go:230] "
    torn = [
        f'{head}["skip sync timestamp"] [text={"x" * 400}]',
        f'{head}["sync and save',
        ' timestamp"] [a=b]',
    ]
    numbered = ((number, line.encode()) for number, line in enumerate(torn, 1))
    assert [line.content for line in unwrapped(numbered, Tally())] == [line.encode() for line in torn]


def test_typographic_quotes_are_quotes() -> None:
    text = '[2026/11/23 07:09:28.483 +00:00] [INFO] [tso.go:230] ["skip sync timestamp"] []'
    curly = text.replace('"', "\N{LEFT DOUBLE QUOTATION MARK}", 1).replace(
        '"', "\N{RIGHT DOUBLE QUOTATION MARK}"
    )
    assert unwrap(curly.encode()) == text.encode()
    said = text.replace("skip", "\N{LEFT DOUBLE QUOTATION MARK}skip").encode()
    assert unwrap(said) == said  # a message that has such a quote keeps it


@pytest.mark.parametrize(
    "line",
    [
        'step down"] [name=pd1] [2026/11/23 07:09:28.483 +00:00] [INFO] [a.go:1] ["skip sync timestamp"]',
        'ted successfully [2026/11/23 07:09:28.483 +00:00] [INFO] [a.go:1] ["skip sync timestamp"]',
        '00] [INFO] [2026/11/23 07:09:28.483 +00:00] [INFO] [a.go:1] ["skip sync timestamp"]',
        "1 " * 400 + '[2026/11/23 07:09:28.483 +00:00] [INFO] [a.go:1] ["skip sync timestamp"]',
        "{" * 2000,
        '{"log": 3}',
        '{"MESSAGE": "no log line", "_HOSTNAME": "a"}',
        "\x1b[31m",
    ],
)
def test_what_is_no_wrapping_stays(line: str) -> None:
    assert unwrap(line.encode()) in (line.encode(), line.replace("\x1b[31m", "").encode())
    assert not pdlog.recognise(line.encode())


def test_a_part_without_its_rest_is_missing() -> None:
    tally = Tally()
    parts = [f"{ISO} stdout P {plain()[0][:50]}", f"{ISO} stdout P more"]
    assert not list(unwrapped(((n, part.encode()) for n, part in enumerate(parts, 1)), tally))
    assert tally.reasons == ("1 x a log line of which the rest is missing (first: line 1)",)


def test_the_logs_of_several_servers_in_one_file_are_told_apart(tmp_path: Path) -> None:
    lines = []
    for server in ("pd-pd1", "tso-tso1"):
        with opened(RECORDING / f"{server}.log.gz") as text:
            log = Lines(text)
            lines += [f"{server}.log:{number}:{line.decode()}" for number, line in log if line is not None]
    lines.sort(key=lambda line: line.split(":", 2)[2][:32])
    (tmp_path / "grepped.txt").write_text("\n".join(lines) + "\n")
    together = read([tmp_path])
    apart = read([RECORDING / "pd-pd1.log.gz", RECORDING / "tso-tso1.log.gz"])
    (source,) = together.sources
    assert source.kind is Kind.LOG
    assert source.observations == sum(each.observations for each in apart.sources)
    for each in {event.server for event in apart.logs}:
        of = [[(e.at_ns, e.step) for e in trace.logs if e.server == each] for trace in (together, apart)]
        assert of[0] == of[1]


@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
@pytest.mark.parametrize(
    "headings",
    [
        "Time,pod,Line",
        "@timestamp;message;Host.Name",
        "container\tlog\tstream",
        "TimeGenerated [UTC],Computer,PodName,LogMessage",
        "timestamp,resource.labels.pod_name,textPayload",
        "_time,host,container,_raw",
        "_time,container,host,_raw",
    ],
)
def test_a_column_says_whose_a_line_is(tmp_path: Path, headings: str, newest_first: bool) -> None:
    """As stores export them: each server's lines together, or all by time."""
    delimiter = next(each for each in ",;\t" if each in headings)
    rows: list[tuple[str, list[str]]] = []
    for server in ("pd-pd1", "tso-tso1"):
        with opened(RECORDING / f"{server}.log.gz") as text:
            for _, raw in Lines(text):
                line = (raw or b"").decode()
                whose = ("pod", "PodName", "resource.labels.pod_name", "Host.Name", "container")
                told = dict.fromkeys(whose, f"basic-{server}-0")
                told |= {"host": "vm-1", "Computer": "vm-1"}
                told |= dict.fromkeys(("Line", "message", "log", "LogMessage", "textPayload", "_raw"), line)
                rows.append((line[:24], [told.get(name, ISO) for name in headings.split(delimiter)]))
    apart = read([RECORDING / "pd-pd1.log.gz", RECORDING / "tso-tso1.log.gz"])
    for order in (rows, sorted(rows, key=itemgetter(0))):
        with (tmp_path / "export.csv").open("w", newline="") as table:
            table.write(headings + "\n")
            csv.writer(table, delimiter=delimiter).writerows(
                row for _, row in (reversed(order) if newest_first else order)
            )
        together = read([tmp_path])
        (source,) = together.sources
        assert (source.kind, source.skipped) == (Kind.LOG, 0)
        assert not clocks_set(together)
        for each in {event.server for event in apart.logs}:
            of = [[(e.at_ns, e.step) for e in trace.logs if e.server == each] for trace in (together, apart)]
            assert of[0] == of[1]


@pytest.mark.parametrize(
    ("told", "of"),
    [
        ({"pod_name": "pd-0", "container_name": "pd", "host": "vm-1"}, "pd-0"),
        ({"labels": {"pod_name": "pd-0"}, "type": "k8s_container"}, "pd-0"),
        ({"kubernetes.pod.name": "pd-0", "kubernetes.node.name": "vm-1"}, "pd-0"),
        ({"_HOSTNAME": "vm-1", "CONTAINER_NAME": "pd-0"}, "vm-1/pd-0"),
        ({"container": {"name": "pd", "image": {"name": "p"}}, "host": {"name": "vm-1"}}, "vm-1/pd"),
        ({"host.name": "vm-1", "name": "a", "service": "pd"}, "vm-1"),
        ({"pod": "", "Computer": "vm-1", "nodes": "3"}, "vm-1"),
        ({"service": "pd"}, ""),
    ],
)
def test_what_a_store_tells_says_whose_a_line_is(told: dict[str, object], of: str) -> None:
    (line,) = unwrapped([(1, json.dumps({**told, "message": plain()[0]}).encode())], Tally())
    assert line.of == of


def test_more_servers_than_anybody_has_are_counted() -> None:
    tally = Tally()
    line = '[2026/11/23 07:09:28.483 +00:00] [INFO] [a.go:1] ["skip sync timestamp"] []'
    numbered = ((n, f"host-{n}:{line}".encode()) for n in range(1, 1001))
    assert len(pdlog.decode("f", numbered, tally)) == 100
    assert tally.skipped == 900
