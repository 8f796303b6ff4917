"""Tables that were found and proved before, by the digest of the system that they are for.

Those of the shipped scenarios come with tsofence; others are kept in the user's cache directory.  An entry
counts only for the very system that it was proved of.  One that cannot be read or written is no fault:
then it is found again.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from ...model.language.past import Pair

#: changes whenever the same system might be given another table, or what is proved of it
METHOD = 2
#: of an entry: a table is a few thousand characters long
_MAX_BYTES = 1 << 20
SHIPPED = "tables.json.gz"


#: ``from_now`` and ``between`` of a table
Parts = tuple[Mapping[str, int], Mapping[Pair, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class Entry:
    """Tables by their parts, the last of which is used (none: none was proved); what they were proved with
    (``without``: candidates that are no invariants), and how that went."""

    tables: tuple[Parts, ...]
    forgets: tuple[str, ...]
    without: tuple[str, ...]
    obligations: int
    seconds: float
    note: str = ""
    #: time was up
    late: bool = False


def digest(text: Iterable[str]) -> str:
    """Of all on which a table depends."""
    hashed = hashlib.sha256(f"{METHOD}\n".encode())
    for line in text:
        hashed.update(line.encode() + b"\n")
    return hashed.hexdigest()


def to_json(entry: Entry) -> dict[str, Any]:
    """An entry as JSON has it."""
    return {
        "tables": [
            [dict(from_now), [[*pair, list(thresholds)] for pair, thresholds in between.items()]]
            for from_now, between in entry.tables
        ],
        "forgets": list(entry.forgets),
        "without": list(entry.without),
        "obligations": entry.obligations,
        "seconds": round(entry.seconds, 2),
        "note": entry.note,
    }


def from_json(given: Any) -> Entry:
    """What `to_json` made.

    Raises:
        ValueError: it is something else.
    """
    try:
        return Entry(
            tuple(_parts(*each) for each in given["tables"]),
            tuple(map(str, given["forgets"])),
            tuple(map(str, given["without"])),
            int(given["obligations"]),
            float(given["seconds"]),
            str(given["note"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an entry: {error}") from None


def _parts(from_now: Any, pairs: Any) -> Parts:
    between: dict[Pair, tuple[int, ...]] = {}
    for upper, lower, same, flag, thresholds in pairs:
        if not all(type(far) is int and far > 0 for far in thresholds):
            raise ValueError("thresholds are whole numbers above 0")
        between[str(upper), str(lower), bool(same), bool(flag)] = tuple(sorted(thresholds))
    if not all(type(far) is int and far >= 0 for far in from_now.values()):
        raise ValueError("distances are whole numbers")
    return {str(name): far for name, far in from_now.items()}, between


@cache
def shipped() -> Mapping[str, Any]:
    """The entries that come with tsofence, by digest, as JSON has them."""
    file = resources.files(__package__).joinpath(SHIPPED)
    try:
        given = json.loads(gzip.decompress(file.read_bytes()))
        return {digest: given["entries"][number] for digest, number in given["digests"].items()}
    except (OSError, EOFError, ValueError, KeyError):  # not there, or damaged: then they are looked for
        return {}


def pack(entries: Mapping[str, Any]) -> bytes:
    """A file as it comes with tsofence, of what JSON can have: systems of which the same was found share
    it."""
    texts = {digest: json.dumps(made, sort_keys=True) for digest, made in entries.items()}
    unique = sorted(set(texts.values()))
    number = {text: at for at, text in enumerate(unique)}
    made = {
        "digests": {digest: number[texts[digest]] for digest in sorted(texts)},
        "entries": [json.loads(text) for text in unique],
    }
    return gzip.compress(json.dumps(made, sort_keys=True, separators=(",", ":")).encode(), mtime=0)


def directory() -> Path | None:
    """Where what was found is kept for a user; None: there is no such place."""
    with suppress(RuntimeError):
        base = os.environ.get("XDG_CACHE_HOME", "")
        # a relative path is to be ignored, says the XDG base directory specification
        home = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
        return home / "tsofence"
    return None


def read(digest: str) -> Entry | None:
    """The entry of a system, if there is one that can be used."""
    made = read_json(digest)
    try:
        return None if made is None else from_json(made)
    except ValueError:
        return None


def read_json(digest: str) -> Any:
    """What was kept, as JSON has it; None: nothing that can be used."""
    if digest in shipped():
        return shipped()[digest]
    place = directory()
    if place is None:
        return None
    try:
        with (place / f"{digest}.json").open("rb") as file:
            given = json.loads(file.read(_MAX_BYTES))
        if given["digest"] != digest or given["sum"] != _sum(given["entry"]):
            return None
        return given["entry"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def write(digest: str, entry: Entry) -> None:
    """Keep an entry, if that is possible."""
    write_json(digest, to_json(entry))


def write_json(digest: str, made: Any) -> None:
    """Keep what JSON can have, if that is possible."""
    place = directory()
    if place is None:
        return
    text = json.dumps({"digest": digest, "entry": made, "sum": _sum(made)}, sort_keys=True)
    with suppress(OSError):
        place.mkdir(parents=True, exist_ok=True)
        # written beside it and renamed: another process finds all of it or nothing
        handle, name = tempfile.mkstemp(prefix=f".{digest[:16]}-", dir=place)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(place / f"{digest}.json")
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def _sum(entry: Any) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()
