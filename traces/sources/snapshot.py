"""A state of etcd at one revision (`etcdctl get --prefix '' -w json`, the gateway's range): what it tells.

It has no history: which value the timestamp key had before, and who wrote it, it does not say.  So nothing is
judged on it, but it says what the key held, who led, and from which revision a watch goes on without a gap.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from datetime import UTC, datetime

from .etcd import key_of, member
from .observation import ELECTIONS, MAX_NS, NS_PER_MS, Key

_MAX_REVISION = 1 << 62


def told(lines: Sequence[bytes | None]) -> str:
    """What a state says and what to collect from there on, in a sentence; empty: it is none.

    ``lines``: the beginning of a file; a state that goes on beyond it is none.
    """
    try:
        document = json.loads(b"\n".join(line for line in lines if line is not None))
        revision = int(document["header"]["revision"])
        kvs = document["kvs"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""
    if not 0 < revision < _MAX_REVISION or not isinstance(kvs, list):
        return ""
    values = filter(None, map(_value, kvs))
    held = "; ".join(dict.fromkeys(values))
    holding = f" ({held})" if held else ""
    return (
        f"it is a state of etcd at revision {revision}{holding}, without history: collect "
        f"from there on with etcdctl watch --prefix '' --rev={revision + 1} -w json > etcd.jsonl"
    )


def _value(kv: object) -> str:
    """What a protocol key holds; empty: it is none, or cannot be read."""
    if not isinstance(kv, dict):
        return ""
    try:
        path = b64decode(kv["key"], validate=True).decode()
        value = b64decode(kv.get("value", ""), validate=True)
    except (ValueError, KeyError, TypeError):
        return ""
    key = key_of(path)
    if key is Key.TIMESTAMP and len(value) == 8 and (ns := int.from_bytes(value, "big")) < MAX_NS:
        moment = datetime.fromtimestamp(ns // 1_000_000_000, tz=UTC)
        return f"the timestamp key holds {moment:%Y-%m-%d %H:%M:%S}.{ns // NS_PER_MS % 1000:03d} UTC"
    if key in ELECTIONS:
        found = member(value)
        names = () if found is None else (found[0],) if key is Key.LEADER else found[1]
        name = next(iter(names), "")
        return f"{name} holds the {key.value} key" if name else ""
    return ""
