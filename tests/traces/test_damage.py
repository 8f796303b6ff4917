"""Recordings that are cut off, damaged, shuffled, huge or no recordings at all."""

import gzip
import json
import os
import random
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tsofence.traces.judge.exact import PROPERTIES, judge
from tsofence.traces.judge.judgement import Judgement
from tsofence.traces.sources import lines as lines_module
from tsofence.traces.sources import packing
from tsofence.traces.sources.lines import Lines
from tsofence.traces.sources.observation import BadInput, Call, Key
from tsofence.traces.sources.packing import opened
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.trace import Gap, Kind, Source, Trace

RECORDINGS = Path(__file__).parents[1] / "recordings"
FENCED = RECORDINGS / "upgrade-fenced"
FILES = {
    Kind.WATCH: FENCED / "etcd.jsonl.gz",
    Kind.WATCH_RECEIVED: FENCED / "etcd-recv.jsonl.gz",
    Kind.WATCH_GATEWAY: RECORDINGS / "etcd-gateway" / "watch-delete-sample.jsonl.gz",
    Kind.PD_LOG: FENCED / "pd-pd1.log.gz",
    Kind.TSO_LOG: FENCED / "tso-tso1.log.gz",
    Kind.CLIENT: FENCED / "client-tso1-a.jsonl.gz",
}
CUTS_A_FILE = 60  # with 6 kinds, plain and gzipped: 720 cuts


@dataclass(frozen=True)
class Seen:
    """What a file on its own gives, without what may differ when the rest of it is missing."""

    calls: tuple[Call, ...]
    keys: tuple[tuple[int, Key, int], ...]
    logs: tuple[tuple[int, object], ...]

    def begins(self, whole: "Seen") -> bool:
        """Whether this is the beginning of `whole`."""
        return all(
            some == every[: len(some)]
            for some, every in (
                (sorted(self.calls, key=line_of), sorted(whole.calls, key=line_of)),
                (self.keys, whole.keys),
                (self.logs, whole.logs),
            )
        )

    def __len__(self) -> int:
        return len(self.calls) + len(self.keys) + len(self.logs)


def line_of(call: Call) -> int:
    return call.line


def seen(trace: Trace) -> Seen:
    return Seen(
        calls=tuple(replace(call, file="") for call in trace.calls),
        keys=tuple((event.revision, event.key, event.where.line) for event in trace.keys),
        logs=tuple((event.where.line, event.step) for event in trace.logs),
    )


def positions(size: int, count: int) -> list[int]:
    """Byte positions to cut at: the first and last few, and others anywhere in between."""
    edge = [0, 1, 2, 9, 10, 11, 18, size - 9, size - 8, size - 4, size - 1]
    inside = random.Random(size).sample(range(size), min(size, count - len(edge)))
    return sorted({at for at in edge + inside if 0 <= at < size})


def read_cut(path: Path) -> Trace | None:
    """The trace of one cut file; `None` if too little is left to say what it was."""
    try:
        return read([path])
    except BadInput:
        return None


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("kind", FILES, ids=lambda kind: kind.value)
def test_a_file_cut_anywhere_gives_the_beginning_of_what_it_gave(
    kind: Kind, packed: bool, tmp_path: Path
) -> None:
    text = gzip.decompress(FILES[kind].read_bytes())
    content = FILES[kind].read_bytes() if packed else text
    path = tmp_path / "cut"
    path.write_bytes(content)
    whole = seen(read([path]))
    recognised = 0
    for at in positions(len(content), CUTS_A_FILE):
        path.write_bytes(content[:at])
        trace = read_cut(path)
        if trace is None:
            continue
        recognised += 1
        (source,) = trace.sources
        found = seen(trace)
        assert found.begins(whole)
        assert source.observations == len(found)
        at_end_of_line = not packed and content[at - 1 : at + 1].count(b"\n") > 0
        assert at_end_of_line or not source.whole, "a visible cut is reported"
        assert source.whole == (not source.reasons)
        judgements = judge(trace)
        assert len(judgements) == len(PROPERTIES)
        if not source.whole and kind is Kind.CLIENT:
            assert {judgement.verdict for judgement in judgements} == {"unknown", "vacuous"}
    assert recognised >= (1 if kind is Kind.WATCH_GATEWAY else CUTS_A_FILE // 3)


@pytest.mark.parametrize("kind", FILES, ids=lambda kind: kind.value)
def test_files_with_random_damage_are_judged_or_refused(kind: Kind, tmp_path: Path) -> None:
    rng = random.Random(kind.value)
    lines = gzip.decompress(FILES[kind].read_bytes()).splitlines(keepends=True)
    path = tmp_path / "damaged"
    for _ in range(150):
        content = bytearray(b"".join(rng.sample(lines, min(len(lines), 20))))
        for _ in range(rng.randrange(1, 30)):
            at = rng.randrange(len(content))
            content[at : at + rng.randrange(3)] = rng.choice(
                [
                    b"",
                    b"\n",
                    b'"',
                    b"}",
                    b"[[",
                    b"\\",
                    b"-",
                    b"9" * 400,
                    b"1e999",
                    b"NaN",
                    b"\xff",
                    rng.randbytes(2),
                ]
            )
        path.write_bytes(content)
        trace = read_cut(path)
        if trace is not None:
            assert len(judge(trace)) == len(PROPERTIES)


@pytest.mark.parametrize("name", sorted(path.name for path in FENCED.iterdir()))
def test_a_set_with_one_cut_file_never_holds_what_the_cut_part_could_deny(name: str, tmp_path: Path) -> None:
    for path in FENCED.iterdir():
        if path.name != name:
            (tmp_path / path.name).hardlink_to(path)
    content = (FENCED / name).read_bytes()
    for at in (0, 2, len(content) // 2, len(content) - 1):
        (tmp_path / name).write_bytes(content[:at])
        trace = read([tmp_path])
        verdicts = {judgement.property: judgement for judgement in judge(trace)}
        (cut,) = [source for source in trace.sources if source.file.endswith(name)]
        assert cut.reasons
        assert verdicts["real-time"].verdict == "violated"
        assert verdicts["key-monotone"].verdict == "holds", "the other watch stream is whole"
        if at and name.startswith("client"):
            assert verdicts["unique"].verdict == verdicts["session"].verdict == "unknown"
            assert name in verdicts["unique"].note


def test_missing_files_are_no_error(tmp_path: Path) -> None:
    only_calls = read(sorted(FENCED.glob("client-*")))
    assert [judgement.verdict for judgement in judge(only_calls)] == [
        "vacuous",
        "unknown",
        "holds",
        "violated",
        "holds",
        "violated",
    ]
    only_log = read([FENCED / "pd-pd1.log.gz"])
    assert {judgement.verdict for judgement in judge(only_log)} == {"vacuous"}


def test_shuffled_and_repeated_client_lines_give_the_same_judgement(tmp_path: Path) -> None:
    folder = RECORDINGS / "upgrade-unfenced"
    rng = random.Random(7)
    for path in folder.glob("client-*"):
        lines = gzip.decompress(path.read_bytes()).splitlines()
        lines += rng.sample(lines, 50)
        rng.shuffle(lines)
        (tmp_path / path.name).write_bytes(gzip.compress(b"\n".join(lines), 1))
    shuffled = read([tmp_path, *folder.glob("etcd*")])
    straight = read([*folder.glob("client-*"), *folder.glob("etcd*")])

    assert shuffled.repeated == 250
    assert [without_lines(judgement) for judgement in judge(shuffled)] == [
        without_lines(judgement) for judgement in judge(straight)
    ]


def without_lines(judgement: Judgement) -> tuple[object, ...]:
    witness = [
        replace(seen, file="", line=0) if isinstance(seen, Call) else seen for seen in judgement.witness or ()
    ]
    return replace(judgement, witness=None), witness


def timestamp_line(lines: list[bytes]) -> int:
    """The index of the first response that is a save and nothing else."""
    return next(n for n, line in enumerate(lines) if n and b"dGltZXN0YW1w" in line)


def test_a_damaged_line_in_between_is_counted_and_named(tmp_path: Path) -> None:
    lines = gzip.decompress(FILES[Kind.WATCH].read_bytes()).splitlines(keepends=True)
    at = timestamp_line(lines)
    revision = json.loads(lines[at])["Header"]["revision"]
    path = tmp_path / "etcd"
    path.write_bytes(b"".join([*lines[:at], b"%%%\n", *lines[at + 1 :]]))
    trace = read([path])
    (source,) = trace.sources

    assert revision not in {event.revision for event in trace.keys}
    assert trace.gaps == (Gap(revision, revision),)
    assert (source.skipped, source.reasons) == (1, (f"1 x not JSON (first: line {at + 1})",))
    assert judge(trace, ["key-monotone"])[0].verdict == "unknown"

    both = read([path, FILES[Kind.WATCH_RECEIVED]])
    assert not both.gaps
    assert judge(both, ["key-monotone"])[0].verdict == "holds"


def test_a_watch_that_began_late_leaves_a_gap(tmp_path: Path) -> None:
    lines = gzip.decompress(FILES[Kind.WATCH].read_bytes()).splitlines(keepends=True)
    path = tmp_path / "etcd"
    path.write_bytes(b"".join(lines[8:]))
    trace = read([path])
    first = json.loads(lines[8])["Header"]["revision"]

    assert trace.gaps == (Gap(2, first - 1),)
    (judgement,) = judge(trace, ["key-monotone"])
    assert judgement.verdict == "holds"
    assert judgement.note.startswith("from revision")


def test_a_revision_with_two_values_is_refused(tmp_path: Path) -> None:
    lines = gzip.decompress(FILES[Kind.WATCH].read_bytes()).splitlines(keepends=True)
    number = timestamp_line(lines)
    response = json.loads(lines[number])
    response["Events"][0]["kv"]["value"] = "AAAAAAAAAAE="
    (tmp_path / "b").write_text(json.dumps(response) + "\n")
    (tmp_path / "a").write_bytes(b"".join(lines))

    with pytest.raises(BadInput, match="one run") as refused:
        read([tmp_path])
    assert (refused.value.file, refused.value.line) == (str(tmp_path / "b"), 1)
    assert f"{tmp_path / 'a'}:{number + 1}" in refused.value.expected


@pytest.mark.parametrize("make", ["missing", "empty folder", "empty file", "other file", "folder of others"])
def test_nothing_to_judge_is_bad_input_in_one_line(make: str, tmp_path: Path) -> None:
    path = tmp_path / "x\ny"
    if make == "empty folder":
        path.mkdir()
    elif make == "empty file":
        path.touch()
    elif make == "other file":
        path.write_bytes(bytes(range(256)) * 100)
    elif make == "folder of others":
        path.mkdir()
        (path / "notes").write_text("hello")
        (path / "loop").symlink_to(path)
    with pytest.raises(BadInput) as refused:
        read([path])
    assert "\n" not in str(refused.value)
    assert refused.value.what_to_do


def test_no_path_is_bad_input() -> None:
    with pytest.raises(BadInput):
        read([])


def test_an_empty_file_beside_others_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "client-x.jsonl").touch()
    trace = read([tmp_path, FILES[Kind.CLIENT]])
    assert (trace.sources[0].kind, trace.sources[0].reasons) == (Kind.IGNORED, ("empty",))
    assert judge(trace, ["unique"])[0].verdict == "holds"


def source_of(path: Path, content: bytes) -> tuple[Source, Trace]:
    path.write_bytes(content)
    trace = read([path])
    return trace.sources[0], trace


def test_gzip_members_padding_garbage_and_flipped_bytes(tmp_path: Path) -> None:
    path = tmp_path / "client"
    text = gzip.decompress(FILES[Kind.CLIENT].read_bytes())
    half = text.index(b"\n", len(text) // 2) + 1
    whole, _ = source_of(path, text)
    members = gzip.compress(text[:half]) + gzip.compress(text[half:])

    assert source_of(path, members)[0] == whole
    assert source_of(path, members + bytes(1000))[0] == whole
    garbage, _ = source_of(path, members + b"garbage")
    assert (garbage.observations, garbage.reasons) == (whole.observations, ("the gzip stream is damaged",))
    flipped = bytearray(gzip.compress(text))
    flipped[-6] ^= 1  # in the checksum: everything could be decoded, nothing can be trusted to be whole
    damaged, trace = source_of(path, bytes(flipped))
    assert damaged.truncated
    assert damaged.observations >= whole.observations - 1000
    assert judge(trace, ["unique"])[0].verdict == "unknown"


def test_lines_without_end_and_streams_that_expand_without_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "MAX_LINE", 3 << 20)
    monkeypatch.setattr(packing, "FREE_EXPANSION", 8 << 20)
    path = tmp_path / "client"
    line = gzip.decompress(FILES[Kind.CLIENT].read_bytes()).splitlines(keepends=True)[200]
    long = b"[" * (5 << 20)

    source, _ = source_of(path, line + long + b"\n" + line.replace(b'"count"', b'"count" ') + long)
    assert (source.observations, source.skipped) == (2, 2)
    assert source.reasons[0].startswith("2 x line longer than")
    bomb = line + b"\n" + bytes(40 << 20)
    source, _ = source_of(path, gzip.compress(bomb))
    assert (source.observations, source.truncated) == (1, True)
    assert "expands more than" in source.reasons[-1]
    source, _ = source_of(path, bomb)
    assert source.observations == 1
    assert "line longer than" in source.reasons[-1]


def test_lines_do_not_depend_on_where_chunks_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "text"
    text = b"\n".join(b"x" * (n % 17) for n in range(200)) + b"\n{}"
    expected = list(enumerate(text.split(b"\n"), start=1))
    for content in (text, gzip.compress(text), zlib.compress(text, wbits=31)):
        path.write_bytes(content)
        for size in (1, 2, 7, 64, 1 << 20):
            monkeypatch.setattr(lines_module, "_CHUNK", size)
            monkeypatch.setattr(packing, "_STEP", size)
            with opened(path) as text_of:
                lines = Lines(text_of)
                assert list(lines) == expected
            assert (lines.damage, lines.unfinished) == (None, None)


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, FILES[Kind.TSO_LOG].read_bytes())
        os.close(writing)
        trace = read([Path(f"/dev/fd/{reading}")])
    finally:
        os.close(reading)
    assert trace.sources[0].kind is Kind.TSO_LOG
    assert trace.logs
