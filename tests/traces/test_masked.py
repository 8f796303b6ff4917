"""Logs in which addresses were masked before they were handed on."""

import gzip
import re
from pathlib import Path

import pytest

from tsofence.traces.explain.replay import replay
from tsofence.traces.sources import masked
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.trace import Trace

RECORDINGS = Path(__file__).parents[1] / "recordings"
NAME, FENCE = "tso-failover", "check-tso-primary"
IP, PLACE = rb"127\.0\.0\.1", rb"127\.0\.0\.1:\d+"
MASKS = [(IP, b"x.x.x.x"), (IP, b"127.0.x.x"), (IP, b"***"), (IP, b"<redacted>"), (IP, b"?"), (PLACE, b"***")]


def of(folder: Path, place: bytes, mask: bytes, *names: str) -> Trace:
    """The watch, and these logs masked (all of them: none is named)."""
    for path in (RECORDINGS / NAME).glob("*.log.gz"):
        if not names or path.stem in names:
            text = gzip.decompress(path.read_bytes())
            (folder / path.stem).write_bytes(re.sub(place, mask.replace(b"\\", b"\\\\"), text))
    return read([folder, RECORDINGS / NAME / "etcd-recv.jsonl.gz"])


def servers(trace: Trace) -> dict[str, set[str]]:
    """Of whom each log is."""
    return {
        Path(file).name: {line.server for line in trace.logs if line.where.file == file}
        for file in {line.where.file for line in trace.logs}
    }


OWN = {"pd-pd1.log": {"pd1"}, "tso-tso1.log": {"tso1"}, "tso-tso2.log": {"tso2"}}


@pytest.mark.parametrize(("place", "mask"), MASKS)
def test_elections_tell_which_server_a_log_is_of(place: bytes, mask: bytes, tmp_path: Path) -> None:
    assert servers(of(tmp_path, place, mask)) == OWN


@pytest.mark.parametrize(("place", "mask"), [MASKS[0], MASKS[-1]])
def test_they_are_no_other_servers(place: bytes, mask: bytes, tmp_path: Path) -> None:
    trace = of(tmp_path, place, mask)
    assert replay(trace, [FENCE], properties=()).fences[0].conforms is True


def without_elections(path: Path) -> None:
    """The log as of a server that was never elected."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if not re.search(rb"campaign|lease granted", line)))


def test_one_that_was_never_elected_is_the_one_without_a_log(tmp_path: Path) -> None:
    of(tmp_path, *MASKS[0])
    without_elections(tmp_path / "tso-tso2.log")
    assert servers(read([tmp_path, RECORDINGS / NAME / "etcd-recv.jsonl.gz"])) == OWN


def test_where_nothing_tells_a_log_is_nobodys(tmp_path: Path) -> None:
    of(tmp_path, *MASKS[0])
    for name in ("tso-tso1.log", "tso-tso2.log"):
        without_elections(tmp_path / name)
    trace = read([tmp_path, RECORDINGS / NAME / "etcd-recv.jsonl.gz"])
    assert servers(trace) == {"pd-pd1.log": {"pd1"}}
    assert [source.assumed for source in trace.sources if source.assumed] == [masked.SAID] * 2
    assert replay(trace, [FENCE], properties=()).fences[0].conforms is not False


def test_another_address_is_another_server(tmp_path: Path) -> None:
    trace = of(tmp_path, IP, b"10.0.0.7")
    assert replay(trace, [FENCE], properties=()).fences[0].conforms is False


@pytest.mark.parametrize(
    ("text", "whether"),
    [
        ("http://x.x.x.x:3379", True),
        ("10.0.*.*:3379", True),
        ("http://XXX.XXX.XXX.XXX", True),
        ("http://xxxx:3379", True),
        ("http://[masked]:3379", True),
        ("http://REDACTED/", True),
        ('name:"http://***-00000" id:7', True),
        ("http://10.0.0.1:3379", False),
        ("http://[::1]:3379", False),
        ("http://tso-0.tso-peer.x.svc:3379", False),
        ("http://xx-tso:3379", False),
        ("http://ip-10-0-0-1:3379", False),
        ("pd1", False),
        ("", False),
    ],
)
def test_what_is_masked(text: str, whether: bool) -> None:
    assert masked.is_masked(text) is whether
