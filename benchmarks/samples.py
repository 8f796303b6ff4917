"""A replay of client samples beside what only unpacks and decodes them, in one run: seconds and peak memory.

The samples are those of the recorded soak, again and again, each time later. Lines are decoded by orjson;
where it is not installed (it is no dependency), by msgspec.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

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


@dataclass(frozen=True, slots=True)
class Took:
    """Processor time in seconds, and the most memory in MiB."""

    seconds: float
    mib: int


def repeated(copies: int, folder: Path) -> tuple[list[Path], int, int]:
    """The soak's samples so many times; the files, and how many calls and bytes of text they have."""
    calls = size = 0
    files = []
    for file in sorted(SOAK.glob("client-*.gz")):
        samples = [msgspec.json.decode(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
        files.append(folder / file.name)
        with gzip.open(files[-1], "wb", compresslevel=1) as packed:
            for copy in range(copies):
                later = copy * 600 * 10**9
                for sample in samples:
                    moved = {name: sample[name] + later for name in ("start_unix_ns", "end_unix_ns")}
                    if sample["physical"]:
                        moved["physical"] = sample["physical"] + later // 10**6
                    size += packed.write(msgspec.json.encode(sample | moved) + b"\n")
        calls += copies * len(samples)
    return files, calls, size


def took(*command: str | Path) -> Took:
    """What a command needs."""
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    return Took(usage.ru_utime + usage.ru_stime, usage.ru_maxrss >> 10)


def main(out: Any = sys.stdout) -> None:
    """Write a line a size."""
    for copies in COPIES:
        with tempfile.TemporaryDirectory() as folder:
            files, calls, size = repeated(copies, Path(folder))
            decoded = took(sys.executable, "-c", _DECODE, *files)
            replayed = took(sys.executable, "-m", "tsofence", "replay", *files, "--quiet")
        out.write(
            f"{calls:,} calls, {size >> 20} MiB of text: gzip and {_DECODER} {decoded.seconds:.2f} s; "
            f"replay {replayed.seconds:.2f} s, {replayed.mib} MiB; "
            f"{replayed.seconds / decoded.seconds:.1f} times\n"
        )
        out.flush()


if __name__ == "__main__":
    main()
