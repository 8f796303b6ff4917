"""Files as they are handed on: packed with gzip, zstd, xz or bzip2, many in a tar or zip; Parquet.

Text may be UTF-16, as PowerShell redirects it, have a byte order mark, or begin with the zeros that a log has
which was emptied while its server wrote on.  JSON has a document a line (`relining.py`).

What a file is packed with, its first bytes say.  A stream that expands more than `MAX_EXPANSION` times
(recordings: 10 to 60 times; zlib's limit: 1032) is not followed beyond `FREE_EXPANSION` bytes, and what is
damaged or ends early gives all that comes before.  A Parquet file is the table in it (`parquet.py`).
"""

from __future__ import annotations

import bz2
import codecs
import errno
import io
import lzma
import stat
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from io import BufferedReader
from pathlib import Path, PurePath
from typing import IO, Any, Protocol, Self

import zstandard

from . import relining
from .observation import BadInput, no_room

MAX_EXPANSION = 200
FREE_EXPANSION = 64 << 20
#: of one stream within another
_MAX_LAYERS = 4
#: members of one tar
_MANY = 10_000
_PACKED = 1 << 14  # what is left of it is copied in every step, and for every gzip member
_A_LITTLE = 1 << 10  # of zstd: each four bytes may make 128 KiB at once
_STEP = 1 << 16  # zlib drops what it had decoded in the step that finds the damage
_MAX_WINDOW = 1 << 27  # what a zstd stream may want to look back, in bytes
_MAX_MEMORY = 1 << 28  # what an xz stream may want, in bytes
_GZIP, _ZSTD, _XZ, _BZIP2 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh"
_PARQUET = b"PAR1"
#: exit status of `parquet.py` when it says why it went no further
CANNOT_BE_READ = 3
_TAR_AT, _TAR = 257, b"ustar"
_ZIP, _OFFICE = b"PK\x03\x04", "[Content_Types].xml"
#: what systems and editors keep beside files, some of it with a name that is theirs
_HIDDEN, _SYSTEMS, _EDITORS = ".", ("Thumbs.db", "desktop.ini"), ("~", ".swp")
_TAR_DAMAGED = "the tar ends early, or is damaged"
_ZIP_DAMAGED = "the zip ends early, or is damaged"


def of_a_system(path: PurePath | str) -> bool:
    """Whether systems and editors keep such a file beside others: nobody recorded it."""
    name = PurePath(path).name
    return name.startswith(_HIDDEN) or name in _SYSTEMS or name.endswith(_EDITORS)


class Damaged(Exception):
    """A stream that goes no further; why."""


def open_bounded(path: Path) -> BufferedReader:
    """A file that somebody has written, or writes: a regular one, or the pipe of a shell's ``<(…)``.

    A device may go on forever, and a pipe with a name may wait for its writer forever.

    Raises:
        OSError: the path cannot be opened, or leads to something else.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not (stat.S_ISFIFO(mode) and Path("/dev") in path.parents):
        kind = "folder" if stat.S_ISDIR(mode) else "pipe with a name" if stat.S_ISFIFO(mode) else "device"
        raise OSError(errno.EINVAL, f"it is a {kind}")
    return path.open("rb")


class Text:
    """What is in a file, unpacked; ``name`` says where it is from, ``damage`` why it ended before its end."""

    def __init__(self, name: str, file: BufferedReader, within: Text | None = None) -> None:
        self.name = name
        self._within = within
        self._why: str | None = None
        self._opened = self._file = file
        self._unpack()

    @property
    def damage(self) -> str | None:
        """None: it was read to its end, if it was read to its end."""
        return self._why or (self._within.damage if self._within else None)

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; none at the end.

        Raises:
            BadInput: the file cannot be read.
        """
        try:
            return self._file.read1(size)
        except Damaged as why:
            self._why = str(why)
            return b""
        except tarfile.TarError:
            self._why = _TAR_DAMAGED
            return b""
        except OSError as error:
            raise unreadable(self.name, error) from None

    def members(self) -> Iterator[Text]:
        """It, or if it is a tar or a zip, the files in it."""
        try:
            begin = self._file.peek(_TAR_AT + len(_TAR))
        except (Damaged, OSError):
            begin = b""
        if begin.startswith(_ZIP):
            yield from self._zipped()
            return
        if not begin[_TAR_AT:].startswith(_TAR):
            yield self
            return
        try:
            with tarfile.open(fileobj=self._file, mode="r|") as archive:
                for number, member in enumerate(archive):
                    if number == _MANY:
                        raise Damaged(f"there are more than {_MANY} files in it")
                    wanted = member.isreg() and not of_a_system(member.name)
                    content = archive.extractfile(member) if wanted else None
                    if isinstance(content, BufferedReader):
                        yield Text(f"{self.name}/{member.name}", content, within=self)
        except Damaged as why:
            self._why = str(why)
        except tarfile.TarError:
            self._why = _TAR_DAMAGED
        if self._why:
            yield self

    def _zipped(self) -> Iterator[Text]:
        """The files in a zip."""
        try:
            with _seekable(self._file) as whole, zipfile.ZipFile(whole) as archive:
                size = whole.seek(0, io.SEEK_END)
                members = [
                    each
                    for each in archive.infolist()
                    if not each.is_dir() and not of_a_system(each.filename)
                ]
                if any(member.filename == _OFFICE for member in members):
                    raise Damaged("it is an office document: save its table as CSV")
                for member in members[:_MANY]:
                    yield self._member(archive, member, size)
                if len(members) > _MANY:
                    self._why = f"there are more than {_MANY} files in it"
        except Damaged as why:
            self._why = str(why)
        except (zipfile.BadZipFile, EOFError, ValueError, OverflowError):
            self._why = _ZIP_DAMAGED
        if self._why:
            self._file = io.BufferedReader(_Stream(iter(())))
            yield self

    def _member(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: int) -> Text:
        pieces: BufferedReader[Any] = io.BufferedReader(_Stream(_of_zip(archive, member, size)), _STEP)
        return Text(f"{self.name}/{member.filename}", pieces, within=self)

    def _unpack(self) -> None:
        """Take off what it is packed in."""
        for _ in range(_MAX_LAYERS):
            try:
                begin = self._file.peek(relining.PEEK)
            except (Damaged, OSError):  # said when it is read
                return
            unpacked = next((how for sign, how in _UNPACKED.items() if begin.startswith(sign)), None)
            if unpacked is None and relining.BEGIN.match(begin[: relining.PEEK]):
                self._file = io.BufferedReader(_Stream(relining.documents(self._file)), _STEP)
            if unpacked is None:
                return
            self._file = io.BufferedReader(_Stream(unpacked(self._file)), _STEP)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


def opened(path: Path) -> Text:
    """A file.

    Raises:
        BadInput: it cannot be opened.
    """
    try:
        return Text(str(path), open_bounded(path))
    except OSError as error:
        raise unreadable(str(path), error) from None


def unreadable(name: str, error: OSError) -> BadInput:
    """What is said of a file that the system does not give."""
    reason = error.strerror or type(error).__name__
    return BadInput(name, None, "a file or folder that can be read", f"check the path ({reason})")


class _Stream(io.RawIOBase):
    """Pieces of text as a file; what they raise at their end is raised whenever more is wanted."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""
        self._why: Damaged | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview[int], /) -> int:  # type: ignore[override]  # what it is handed
        if self._why:
            raise self._why
        while not self._rest:
            try:
                piece = next(self._pieces, None)
            except Damaged as why:
                self._why = why
                raise
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


class _Decompressor(Protocol):
    """What decompressors have in common."""

    @property
    def needs_input(self) -> bool:
        """Has it given all that it can?"""

    @property
    def eof(self) -> bool:
        """Is it at the end of a stream, after which another may come?"""

    @property
    def unused_data(self) -> bytes:
        """What was handed over and belongs to the next stream."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Some of the text."""


class _Measure:
    """How much was given for what was taken."""

    def __init__(self, what: str) -> None:
        self._what = what
        self.taken = self.given = 0

    def give(self, text: bytes) -> bytes:
        """The text, if it may be given.

        Raises:
            Damaged: it is too much.
        """
        self.given += len(text)
        if self.given > max(FREE_EXPANSION, MAX_EXPANSION * self.taken):
            raise Damaged(f"the {self._what} stream expands more than {MAX_EXPANSION} times")
        return text


def _of_gzip(file: BufferedReader) -> Iterator[bytes]:
    """The text of all members, as far as it can be had."""
    measure, member, pending = _Measure("gzip"), None, b""
    while pending := pending or file.read1(_PACKED):
        if member is None:
            measure.taken += len(pending)
            pending = pending.lstrip(b"\0")  # some archivers pad with zeros
            measure.taken -= len(pending)
            if not pending:
                continue
            member = zlib.decompressobj(wbits=31)
        try:
            text = member.decompress(pending, _STEP)
        except zlib.error:
            raise Damaged("the gzip stream is damaged") from None
        measure.taken += len(pending) - len(member.unconsumed_tail) - len(member.unused_data)
        yield measure.give(text)
        pending = member.unconsumed_tail or member.unused_data
        if member.eof:
            member = None
    if member is not None:
        yield member.flush()
        if not member.eof:
            raise Damaged("the gzip stream ends early")


class _Zstd:
    """zstandard's decompressor, which gives all that its input makes at once."""

    def __init__(self) -> None:
        self._made = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()

    @property
    def needs_input(self) -> bool:
        return True

    @property
    def eof(self) -> bool:
        return self._made.eof

    @property
    def unused_data(self) -> bytes:
        return self._made.unused_data

    def decompress(self, data: bytes, _max_length: int, /) -> bytes:
        return self._made.decompress(data)


def _of(
    what: str, made: Callable[[], _Decompressor], size: int = _PACKED
) -> Callable[[BufferedReader], Iterator[bytes]]:
    """How to unpack a stream, of which so many bytes are looked at at once."""

    def pieces(file: BufferedReader) -> Iterator[bytes]:
        measure, member, pending = _Measure(what), made(), b""
        while True:
            if member.eof:
                pending = member.unused_data or file.read1(size)
                if not pending:
                    return
                member = made()
            elif member.needs_input:
                pending = file.read1(size)
                if not pending:
                    raise Damaged(f"the {what} stream ends early")
            measure.taken += len(pending)
            try:
                text = member.decompress(pending, _STEP)
            except (OSError, lzma.LZMAError, zstandard.ZstdError):
                raise Damaged(f"the {what} stream is damaged") from None
            pending = b""
            yield measure.give(text)

    return pieces


def _of_zip(archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: int) -> Iterator[bytes]:
    """The text of a file in a zip of so many bytes, as far as it can be had."""
    measure = _Measure("zip")
    measure.taken = min(member.compress_size, size)
    try:
        with archive.open(member) as content:
            while piece := content.read(_STEP):
                yield measure.give(piece)
    except (RuntimeError, NotImplementedError):
        raise Damaged("it is packed with a password, or in a way that is not read: unpack it") from None
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError):
        raise Damaged(_ZIP_DAMAGED) from None


def _of_parquet(file: BufferedReader) -> Iterator[bytes]:
    """The table in it, as another process tells it: what crashes there, or takes too much, ends there."""
    if find_spec("pyarrow") is None:
        raise Damaged("Parquet needs pyarrow: pip install '.[parquet]' in a clone of tsofence")
    measure = _Measure("Parquet")
    with _seekable(file) as whole:
        measure.taken = whole.seek(0, io.SEEK_END)
        whole.seek(0)
        command = [sys.executable, "-P", "-m", f"{__package__}.parquet"]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=whole, stdout=pipe, stderr=pipe, start_new_session=True)
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            try:
                while piece := process.stdout.read(_STEP):
                    yield measure.give(piece)
                why = process.stderr.read(_STEP).decode(errors="replace").strip()
                status = process.wait()
            finally:
                process.kill()
    if status:
        raise Damaged(
            why if status == CANNOT_BE_READ else "the Parquet file is damaged, or takes too much memory"
        )


def _seekable(file: BufferedReader) -> IO[bytes]:
    """The file itself, or all that comes out of it in one that has no name.

    Raises:
        BadInput: there is no room for it.
    """
    if isinstance(file.raw, io.FileIO) and file.seekable():
        return file
    try:
        whole = tempfile.TemporaryFile()  # noqa: SIM115  # who asked closes it
        while piece := file.read1(_STEP):
            whole.write(piece)
        whole.flush()
    except OSError as error:
        raise no_room(error) from None
    return whole


def _of_utf_16(encoding: str = "utf-16") -> Callable[[BufferedReader], Iterator[bytes]]:
    """As UTF-8; what is no text in it is replaced."""

    def pieces(file: BufferedReader) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        while piece := file.read1(_STEP):
            yield decoder.decode(piece).encode(errors="replace")
        yield decoder.decode(b"", final=True).encode(errors="replace")

    return pieces


def _without(begin: bytes) -> Callable[[BufferedReader], Iterator[bytes]]:
    """The text behind what it begins with, however often that stands there."""

    def pieces(file: BufferedReader) -> Iterator[bytes]:
        begun = False
        while piece := file.read1(_STEP):
            rest = piece if begun else piece.lstrip(begin)
            begun = bool(rest)
            if rest:
                yield rest

    return pieces


_UNPACKED: dict[bytes, Callable[[BufferedReader], Iterator[bytes]]] = {
    _GZIP: _of_gzip,
    _ZSTD: _of("zstd", _Zstd, _A_LITTLE),
    _XZ: _of("xz", lambda: lzma.LZMADecompressor(memlimit=_MAX_MEMORY)),
    _BZIP2: _of("bzip2", bz2.BZ2Decompressor),
    _PARQUET: _of_parquet,
    codecs.BOM_UTF16_LE: _of_utf_16(),
    codecs.BOM_UTF16_BE: _of_utf_16(),
    "[".encode("utf-16-le"): _of_utf_16("utf-16-le"),
    "{".encode("utf-16-le"): _of_utf_16("utf-16-le"),
    codecs.BOM_UTF8: _without(codecs.BOM_UTF8),
    b"\0": _without(b"\0"),
}
