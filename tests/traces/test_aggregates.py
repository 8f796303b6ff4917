"""Logs that are given twice, in one file, or of another cluster: told apart, or refused."""

import gzip
import shutil
from pathlib import Path

import pytest

from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.observation import BadInput, Call, LogStep
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.servers import Servers
from tsofence.traces.sources.trace import Trace

RECORDINGS = Path(__file__).parents[1] / "recordings"
FAILOVER = RECORDINGS / "pd-failover"
WATCH = FAILOVER / "etcd-recv.jsonl.gz"
LOGS = sorted(FAILOVER.glob("pd-*.log.gz"))


def conforms(trace: Trace) -> bool | None:
    (verdict,) = replay(trace, ["check-tso-primary"], properties=()).fences
    return verdict.conforms


def lines(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines(keepends=True)


def test_the_same_log_twice_is_one(tmp_path: Path) -> None:
    copy = tmp_path / "pd2-copied.log"
    copy.write_bytes(b"".join(lines(LOGS[1])))
    once, twice = read([WATCH, *LOGS]), read([WATCH, *LOGS, copy])
    assert len(twice.logs) == len(once.logs)
    assert len(twice.starts) == len(once.starts)
    assert twice.repeated == sum(line.server == "pd2" for line in once.logs)
    assert conforms(twice) is True


@pytest.mark.parametrize("each", [True, False])
def test_lines_that_stand_twice_in_one_file_count_once(tmp_path: Path, each: bool) -> None:
    """A shipper sends each line twice, or a file was written to its own end."""
    for path in LOGS:
        told = lines(path)
        twice = [line for line in told for _ in range(2)] if each else [*told, *told]
        (tmp_path / path.name.removesuffix(".gz")).write_bytes(b"".join(twice))
    trace = read([WATCH, tmp_path])
    assert len(trace.logs) == len(read([WATCH, *LOGS]).logs)
    assert conforms(trace) is True


AT = b"[2026/11/28 12:53:07.316 +00:00] "
BEGUN = AT + b'[INFO] [tso.go:170] ["start to sync timestamp"] []\n'
WINDOW = b"2026/11/28 12:53:07.902 +00:00"
LOADED = AT + b'[INFO] [tso.go:66] ["load timestamp window successfully"] [ts-window=' + WINDOW + b"]\n"
REFUSED = (
    AT + b'[ERROR] [cluster.go:534] ["failed to initialize the TSO allocator"] '
    b'[error="tso microservice primary exists, PD in PD service mode must yield"]\n'
)
EARLIER, LATER = (BEGUN.replace(b"07.316", at) for at in (b"07.315", b"07.405"))


@pytest.mark.parametrize(
    ("told", "times"),
    [
        ((REFUSED, BEGUN, LOADED, REFUSED, LATER), (2, 1)),
        # as a shipper may send it, too
        ((BEGUN, LOADED, REFUSED, BEGUN, LOADED, REFUSED, LATER), (1, 1)),
        ((REFUSED, BEGUN, LOADED, REFUSED), (1, 1)),  # nothing tells that it goes on otherwise
        ((REFUSED, BEGUN, LOADED, LATER, REFUSED), (1, 1)),  # out of its turn: sent again
    ],
)
def test_what_a_server_does_twice_in_a_millisecond(
    told: tuple[bytes, ...], times: tuple[int, int], tmp_path: Path
) -> None:
    """A PD that stood still catches up on its ticks."""
    (tmp_path / "pd-pd1.log").write_bytes(b"".join((EARLIER, *told)))
    found = [line.step for line in read([tmp_path]).logs if line.at_ns % 1_000_000_000 == 316_000_000]
    assert (found.count(LogStep.SAVE_REFUSED), found.count(LogStep.SYNC_START)) == times


def test_a_rotated_piece_that_overlaps(tmp_path: Path) -> None:
    whole = lines(LOGS[1])
    for name, piece in (("pd2-1.log", whole[:300]), ("pd2-2.log", whole[250:])):
        (tmp_path / name).write_bytes(b"".join(piece))
    trace = read([WATCH, LOGS[0], LOGS[2], tmp_path])
    assert len(trace.logs) == len(read([WATCH, *LOGS]).logs)
    assert conforms(trace) is True


def test_all_logs_one_after_another_in_one_file(tmp_path: Path) -> None:
    together = tmp_path / "all.log"
    together.write_bytes(b"".join(line for path in LOGS for line in lines(path)))
    trace = read([WATCH, together])
    assert {line.server for line in trace.logs} == {"pd1", "pd2", "pd3"}
    assert conforms(trace) is True


def test_logs_that_are_mixed_line_by_line_are_refused(tmp_path: Path) -> None:
    mixed = tmp_path / "all.log"
    every = sorted((line for path in LOGS for line in lines(path)), key=lambda line: line[:30])
    mixed.write_bytes(b"".join(every))
    with pytest.raises(BadInput, match=r"a line of pd\d, not of pd\d; give each server's log") as refused:
        read([WATCH, mixed])
    assert refused.value.file == str(mixed)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("pd-pd1.log.gz", "tso-tso1.log.gz"), "a line of pd1, not of a TSO server"),
        (("tso-tso1.log.gz", "pd-pd1.log.gz"), "a line of http://127.0.0.1:13379, not of a PD"),
    ],
)
def test_a_second_log_of_which_the_beginning_is_lost_is_not_that_of_the_first(
    tmp_path: Path, names: tuple[str, str], expected: str
) -> None:
    """A PD's lease is not that of a TSO primary, whose start would tell that it is another server."""
    first, second = (lines(RECORDINGS / "upgrade-unfenced" / name) for name in names)
    lease = next(number for number, line in enumerate(second) if b'"lease granted"' in line)
    together = tmp_path / "all.log"
    together.write_bytes(b"".join([*first, *second[lease:]]))
    with pytest.raises(BadInput, match=f"{expected}; give each server's log") as refused:
        read([together])
    assert refused.value.line == len(first) + 1


def test_a_log_of_another_cluster_is_refused(tmp_path: Path) -> None:
    other = RECORDINGS / "upgrade-unfenced" / "pd-pd1.log.gz"
    shutil.copy(other, tmp_path / "pd-of-another.log.gz")
    with pytest.raises(BadInput, match=r"keys of cluster 7711261070306729902 .* not of 7711260"):
        read([WATCH, *LOGS, tmp_path])
    with pytest.raises(BadInput, match="recordings of one cluster"):
        read([LOGS[0], tmp_path])


@pytest.mark.parametrize(
    "spelling",
    ["http://127.0.0.1:12379", "127.0.0.1:12379", "http://127.0.0.1:12379/", "https://127.0.0.1:12379"],
)
def test_a_server_is_known_by_each_spelling_of_its_address(spelling: str) -> None:
    servers = Servers(read([WATCH, *LOGS]))
    assert servers.at("pd", spelling) == servers.at("pd", "pd1") == servers.number("pd1") != 0


def test_timestamps_are_the_numbers_that_they_are_used_as() -> None:
    def call(physical: int, logical: int) -> Call:
        return Call("f", 1, "c", "pd", "e", None, 1, 2, physical, logical, 1, None)

    assert call(7, (1 << 18) - 1).last + 1 == call(8, 0).last == 8 << 18
