"""A recording judged while it grows: `tsofence replay` on its last part, in a process of its own.

What a judgement takes, in memory and time, ends with its process; one that takes too long is ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: how long a judgement may take, s
LONGEST_S = 120.0
#: of what a fault says of itself
_LAST_LINE = 500


@dataclass(frozen=True, slots=True)
class Violation:
    """What was seen to violate a property: `shown` are the observations, in words."""

    property: str
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts on a part of a recording, by property; `fits` are the builds and fences that it may be of,
    `refuted` those that it is not, of those that were `tried`.  `why`: why there are none."""

    verdicts: dict[str, str]
    violations: tuple[Violation, ...]
    fits: tuple[str, ...] = ()
    refuted: tuple[str, ...] = ()
    tried: int = 0
    why: str = ""


async def judge(
    folders: Iterable[Path], properties: Sequence[str], fences: Sequence[str], builds: Sequence[str]
) -> Judged:
    """Judge what is in these folders, for certain properties."""
    asked = [
        *(each for name in properties for each in ("--property", name)),
        *(each for name in fences for each in ("--fence", name)),
        *(each for name in builds for each in ("--build", name)),
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "tsofence", "replay", "--quiet", "--json", "-", *asked, *map(str, folders)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for who began it
    )
    try:
        async with asyncio.timeout(LONGEST_S):
            told, errors = await process.communicate()
    except TimeoutError:
        return Judged(dict.fromkeys(properties, "unknown"), (), why=f"it took more than {LONGEST_S:.0f} s")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        return _judged(json.loads(told))
    except (ValueError, KeyError):
        last = errors.decode(errors="replace").strip().rpartition("\n")[2][:_LAST_LINE]
        return Judged(dict.fromkeys(properties, "unknown"), (), why=last or f"status {process.returncode}")


def _judged(told: dict[str, Any]) -> Judged:
    return Judged(
        {each["property"]: each["verdict"] for each in told["properties"]},
        tuple(
            Violation(each["property"], tuple(map(_shown, each["witness"])))
            for each in told["properties"]
            if each["verdict"] == "violated"
        ),
        tuple(each["fence"] for each in told["fences"] if each["conforms"] is True),
        tuple(each["fence"] for each in told["fences"] if each["conforms"] is False),
        len(told["fences"]),
    )


def _shown(seen: dict[str, Any]) -> str:
    """An observation, wherever it stands: the same however often it is judged."""
    if "revision" in seen:
        value = "" if seen["timestamp_ns"] is None else f" = {seen['timestamp_ns']}"
        return f"revision {seen['revision']}: {seen['key']}{value}"
    if "physical" in seen:
        return f"{seen['client']} got ({seen['physical']}, {seen['logical'][-1]})"
    return f"{seen['server']}: {seen['text']}"
