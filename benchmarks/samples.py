"""A replay of client samples beside what only unpacks and decodes them, in one run: seconds and peak memory.

The samples are those of the recorded soak, again and again, each time later, as JSON lines and as a table.
Lines are decoded by orjson; where it is not installed (it is no dependency), by msgspec; tables by csv.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

Sample = dict[str, Any]
SOAK = Path(__file__).parents[1] / "tests" / "recordings" / "soak"
#: how often the recording in the repository is repeated: as many calls as the soak had; ten times that
COPIES = (20, 200)
_DECODER = "orjson" if find_spec("orjson") else "msgspec"
_DECODE = f"""
import gzip, sys
from {"orjson import loads" if _DECODER == "orjson" else "msgspec.json import decode as loads"}
for file in sys.argv[1:]:
    with gzip.open(file) as lines:
        for line in lines:
            loads(line)
"""
_ROWS = """
import csv, gzip, sys
for file in sys.argv[1:]:
    with gzip.open(file, "rt") as lines:
        for row in csv.reader(lines):
            pass
"""
#: what is told of each sample in a table
_COLUMNS = (
    *("client", "kind", "endpoint", "start_unix_ns", "end_unix_ns"),
    *("physical", "logical", "count", "worker", "error"),
)


@dataclass(frozen=True, slots=True)
class Took:
    """Processor time in seconds, and the most memory in MiB."""

    seconds: float
    mib: int


@dataclass(frozen=True, slots=True)
class Made:
    """Files, and how many calls and bytes of text they have."""

    files: list[Path]
    calls: int
    size: int


def repeated(copies: int, folder: Path, packed: Callable[[Iterable[Sample]], Iterable[bytes]]) -> Made:
    """The soak's samples so many times."""
    calls = size = 0
    files = []
    for file in sorted(SOAK.glob("client-*.gz")):
        samples = [msgspec.json.decode(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
        files.append(folder / file.name)
        with gzip.open(files[-1], "wb", compresslevel=1) as out:
            for text in packed(_later(samples, copies)):
                size += out.write(text)
        calls += copies * len(samples)
    return Made(files, calls, size)


def _later(samples: Sequence[Sample], copies: int) -> Iterator[Sample]:
    for copy in range(copies):
        later = copy * 600 * 10**9
        for sample in samples:
            moved = {name: sample[name] + later for name in ("start_unix_ns", "end_unix_ns")}
            if sample["physical"]:
                moved["physical"] = sample["physical"] + later // 10**6
            yield sample | moved


def _as_lines(samples: Iterable[Sample]) -> Iterator[bytes]:
    for sample in samples:
        yield msgspec.json.encode(sample) + b"\n"


def _as_table(samples: Iterable[Sample]) -> Iterator[bytes]:
    row = io.StringIO()
    table = csv.DictWriter(row, _COLUMNS, extrasaction="ignore")
    table.writeheader()
    for sample in samples:
        table.writerow(sample)
        yield row.getvalue().encode()
        row.seek(0)
        row.truncate()


FORMS = (("JSON lines", _as_lines, _DECODER, _DECODE), ("a table", _as_table, "csv", _ROWS))


def took(*command: str | Path) -> Took:
    """What a command needs; as it is installed, with byte code."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    null = subprocess.DEVNULL
    process = subprocess.Popen([*map(str, command)], stdout=null, stderr=null, env=own)
    _, _, usage = os.wait4(process.pid, 0)
    return Took(usage.ru_utime + usage.ru_stime, usage.ru_maxrss >> 10)


def main(out: Any = sys.stdout) -> None:
    """Write a line a form and size."""
    took(sys.executable, "-m", "tsofence", "replay", "--help")  # writes the byte code
    for form, packed, decoder, decode in FORMS:
        for copies in COPIES:
            with tempfile.TemporaryDirectory() as folder:
                made = repeated(copies, Path(folder), packed)
                decoded = took(sys.executable, "-c", decode, *made.files)
                replayed = took(sys.executable, "-m", "tsofence", "replay", *made.files, "--quiet")
            out.write(
                f"{made.calls:,} calls as {form}, {made.size >> 20} MiB of text: gzip and {decoder} "
                f"{decoded.seconds:.2f} s; replay {replayed.seconds:.2f} s, {replayed.mib} MiB; "
                f"{replayed.seconds / decoded.seconds:.1f} times\n"
            )
            out.flush()


if __name__ == "__main__":
    main()
