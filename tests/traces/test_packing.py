"""Files packed in every way: the same trace as unpacked, as far as what is damaged lets it be."""

import bz2
import gzip
import io
import json
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from tsofence.traces.sources import packing
from tsofence.traces.sources.observation import Where
from tsofence.traces.sources.packing import opened
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.trace import Kind, Unread

RECORDING = Path(__file__).parents[1] / "recordings" / "pr-slow-load-small"

PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}
LOG = gzip.decompress((RECORDING / "pd-pd1.log.gz").read_bytes())


def text_of(path: Path) -> tuple[bytes, str | None]:
    """All that is in the file, and its damage."""
    with opened(path) as text:
        pieces = []
        while piece := text.read(1000):
            pieces.append(piece)
        return b"".join(pieces), text.damage


@pytest.mark.parametrize(
    "written",
    [
        "\ufeff".encode() + LOG,
        LOG.decode().encode("utf-16"),
        LOG.decode().replace("\n", "\r\n").encode("utf-16"),
        LOG.decode().encode("utf-16-le"),
        gzip.compress(LOG.decode().encode("utf-16")),
        b"\0" * 100_000 + LOG,
    ],
)
def test_text_as_others_write_it(written: bytes, tmp_path: Path) -> None:
    (tmp_path / "plain.log").write_bytes(LOG)
    (tmp_path / "other.log").write_bytes(written)
    plain, other = (read([tmp_path / name]) for name in ("plain.log", "other.log"))
    assert other.sources[0].whole
    assert [*other.logs] == [
        replace(line, where=Where(str(tmp_path / "other.log"), line.where.line)) for line in plain.logs
    ]


WATCH = gzip.decompress((RECORDING / "etcd-recv.jsonl.gz").read_bytes())


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("array", [True, False])
@pytest.mark.parametrize("end", ["", "\n"])
def test_json_as_others_print_it(indent: int | None, array: bool, end: str, tmp_path: Path) -> None:
    documents = [json.loads(line) for line in WATCH.splitlines()]
    parts = [documents] if array else documents
    text = "\n".join(json.dumps(each, indent=indent) for each in parts) + end
    (tmp_path / "plain.jsonl").write_bytes(WATCH)
    (tmp_path / "other.json").write_text(text)
    plain, other = (read([tmp_path / name]) for name in ("plain.jsonl", "other.json"))
    assert other.sources[0].whole
    assert [replace(event, where=plain.keys[0].where) for event in other.keys] == [
        replace(event, where=plain.keys[0].where) for event in plain.keys
    ]
    if indent:
        first = text.splitlines()[other.keys[-1].where.line - 1]
        assert first.strip() == "{"


def test_json_that_ends_early_gives_what_comes_before(tmp_path: Path) -> None:
    text = json.dumps([json.loads(line) for line in WATCH.splitlines()], indent=1)
    (tmp_path / "a.json").write_text(text[: len(text) // 2])
    trace = read([tmp_path])
    assert trace.keys
    assert not trace.sources[0].whole


@pytest.mark.parametrize("how", PACKED)
def test_what_is_packed_reads_as_what_is_not(how: str, tmp_path: Path) -> None:
    path, pack = tmp_path / "f", PACKED[how]
    path.write_bytes(pack(LOG))
    assert text_of(path) == (LOG, None)
    path.write_bytes(pack(LOG[:3000]) + pack(LOG[3000:]))
    assert text_of(path) == (LOG, None)
    path.write_bytes(pack(pack(LOG)))
    assert text_of(path) == (LOG, None)
    path.write_bytes(pack(b""))
    assert text_of(path) == (b"", None)


@pytest.mark.parametrize("how", PACKED)
def test_what_ends_early_gives_what_comes_before(how: str, tmp_path: Path) -> None:
    path = tmp_path / "f"
    noise = random.Random(1).randbytes(200_000)
    packed = PACKED[how](noise + LOG)
    path.write_bytes(packed[: len(packed) - len(packed) // 50])
    text, damage = text_of(path)
    assert damage == f"the {how} stream ends early"
    assert (noise + LOG).startswith(text)
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 0x55
    path.write_bytes(bytes(flipped))
    text, damage = text_of(path)
    assert damage is not None
    assert "damaged" in damage or "ends early" in damage


@pytest.mark.parametrize("how", PACKED)
def test_what_expands_without_measure_ends(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "FREE_EXPANSION", 1 << 20)
    path = tmp_path / "f"
    path.write_bytes(PACKED[how](bytes(80 << 20)))
    text, damage = text_of(path)
    assert damage == f"the {how} stream expands more than 200 times"
    assert len(text) < 80 << 20


def tar(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return made.getvalue()


def in_folder() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(RECORDING.iterdir())}


@pytest.mark.parametrize("how", [None, *PACKED])
def test_a_tar_is_the_files_in_it(how: str | None, tmp_path: Path) -> None:
    path = tmp_path / "recording.tar"
    made = tar(in_folder())
    path.write_bytes(PACKED[how](made) if how else made)
    found, expected = read([path]), read([RECORDING])
    assert [len(each) for each in (found.keys, found.logs, found.calls)] == [
        len(each) for each in (expected.keys, expected.logs, expected.calls)
    ]
    assert [source.file.removeprefix(f"{path}/") for source in found.sources] == list(in_folder())
    assert [source.kind for source in found.sources] == [source.kind for source in expected.sources]
    assert {line.server for line in found.logs} == {line.server for line in expected.logs}


def test_a_tar_that_ends_early_says_so(tmp_path: Path) -> None:
    path = tmp_path / "recording.tar"
    made = tar(in_folder())
    path.write_bytes(made[: len(made) // 2])
    *_, last = read([path]).sources
    assert (last.file, last.kind, last.unread) == (str(path), Kind.IGNORED, Unread.ANYTHING)
    assert "the tar ends early, or is damaged" in last.reasons
    path.write_bytes(gzip.compress(made)[:-2000])
    sources = read([path]).sources
    assert any("the gzip stream ends early" in source.reasons for source in sources)


def zipped(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", b"")
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_a_zip_is_the_files_in_it(tmp_path: Path) -> None:
    path = tmp_path / "recording.zip"
    path.write_bytes(zipped(in_folder()))
    found, expected = read([path]), read([RECORDING])
    assert [(each.kind, each.observations) for each in found.sources] == [
        (each.kind, each.observations) for each in expected.sources
    ]
    assert [source.file.removeprefix(f"{path}/") for source in found.sources] == list(in_folder())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (zipped(in_folder())[:-2000], "the zip ends early, or is damaged"),
        (zipped({"[Content_Types].xml": b"<a/>"}), "it is an office document: save its table as CSV"),
        (
            zipped({"a.log": LOG}).replace(b"PK\x01\x02\x14\x03\x14\0\0", b"PK\x01\x02\x14\x03\x14\0\1"),
            "it is packed with a password, or in a way that is not read: unpack it",
        ),
        (b"PK\x03\x04", "the zip ends early, or is damaged"),
    ],
)
def test_a_zip_that_is_not_read_says_why(content: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    (tmp_path / "b.log").write_bytes(LOG)
    first, _ = read([tmp_path]).sources
    assert (first.kind, first.unread, first.reasons[-1]) == (Kind.IGNORED, Unread.ANYTHING, why)


def test_a_tar_of_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_MANY", 2)
    path = tmp_path / "recording.tar"
    path.write_bytes(tar(in_folder()))
    *_, last = read([path]).sources
    assert "there are more than 2 files in it" in last.reasons
