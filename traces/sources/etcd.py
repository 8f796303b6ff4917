"""etcd watch streams: `etcdctl watch -w json`, the same with receipt times, and the JSON gateway's answers.

One JSON object a line, in shapes: the response itself; the gateway's `{"result": response}`; of either
`{"recv_unix_ns": n, "response": …}`; and what a recorder read of the state (`state.py`). etcdctl
capitalises `Header`, `Events` and `Canceled` and writes int64 as numbers, the gateway writes lower case and
int64 as strings; both are read everywhere.

| field in the file | observation | source |
|---|---|---|
| `header.revision` | `etcd_at`; how far the events of `Watch.seen` must reach | `ResponseHeader.revision` |
| `recv_unix_ns` | `latest_ns`, `coarse_ns` | the recorder's clock; its size tells the unit |
| `events[].type` absent, 0, `PUT` / 1, `DELETE` | `put` | etcd `mvccpb.Event.EventType` |
| `kv.key` (base64) | `key`, `path`; for the registry `url` | `pkg/utils/keypath` |
| `header.raft_term` | none: that of a member only grows | etcd `ResponseHeader.raft_term` |
| `header.cluster_id` | none: one for all streams | etcd `ResponseHeader.cluster_id` |
| `kv.mod_revision`, `kv.version`, `kv.lease` | `revision`, `version`, `lease` | etcd `mvccpb.KeyValue` |
| `kv.create_revision`, `prev_kv` | `created`, `held` | the same; with `--prev-kv` |
| value of `leader` | `name` (1), `urls` (4, `client_urls`) | `pdpb.Member` |
| value of `primary`, `expected_primary` | `name` (1), `urls` (3, `listen_urls`) | `tsopb.Participant` |
| value of `expected_primary` after a transfer | `url` | `mcs/utils/expected_primary.go`: the bare URL |
| value of `registry/{address}` | `text` | `mcs/discovery`: JSON |
| value of `timestamp` | `timestamp_ns` | `typeutil.Uint64ToBytes`: 8 bytes, big-endian |
"""

import re
from base64 import b64decode
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, takewhile
from math import gcd
from typing import Any

from . import groups, state
from .lines import Tally, json_object
from .observation import ELECTIONS, MAX_NAME, MAX_NS, MAX_TEXT, NS_PER_MS, Held, Key, KeyEvent, Where
from .rounded import LEASES, Integers
from .samples import UNITS, time_ns

_KEYS = {
    "leader": Key.LEADER,
    "timestamp": Key.TIMESTAMP,
    "primary": Key.PRIMARY,
    "primary/expected_primary": Key.EXPECTED_PRIMARY,
}
_CLUSTER = re.compile(r"/(?:pd|ms)/(\d{1,20})/.*", re.DOTALL)
#: those of other keyspace groups, and of other services than TSO
_OTHER_ELECTION = re.compile(r"/ms/\d{1,20}/.{1,200}/primary")
#: only a PD leader in API mode makes keyspace groups
_KEYSPACE_GROUP = re.compile(r"/pd/\d{1,20}/tso/keyspace_groups/membership/\d{5}")
#: what a cluster is bootstrapped with (`server/cluster/cluster.go`)
_RAFT = re.compile(r"/pd/\d{1,20}/raft")
#: responses to one recorder overtake each other by less
_LATE_NS = 1_000 * NS_PER_MS
_S_NS = 1_000 * NS_PER_MS
#: that many of a member's terms are remembered
_MOST_TERMS = 100
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5  # protobuf wire types


@dataclass(frozen=True, slots=True)
class Unsent:
    """A response that etcd has not sent so, at which revision, and why."""

    where: Where
    revision: int
    why: str


@dataclass(slots=True)
class Watch:
    """One watch stream: its events on protocol keys in file order, and what tells whether it is complete.

    `seen` holds the revision of every event that could be read, protocol key or not; `reached` is the highest
    revision etcd said it was at. `api_mode`: some PD led in API mode. `bootstrapped`: at which revision at
    latest TiKV was there, 0 if nothing tells. `undecoded`, by revision and path, are writes of protocol keys
    whose value cannot be decoded. `other_elections`: at which revisions a primary of another keyspace group
    or service may have been elected. `states`: what a recorder read, by revision.
    `clusters`: the etcd clusters that sent responses, and where the first of each stands. `rounded`: its
    large integers are not those that etcd wrote; no lease nor cluster is taken from it. `never_sent`:
    responses whose headers say what etcd does not; of an event of a protocol key it says that itself.
    """

    events: list[KeyEvent] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    reached: int = 0
    api_mode: bool = False
    bootstrapped: int = 0
    undecoded: dict[tuple[int, str], Where] = field(default_factory=dict)
    other_elections: set[int] = field(default_factory=set)
    states: list[state.State] = field(default_factory=list)
    clusters: dict[str, Where] = field(default_factory=dict)
    rounded: bool = False
    never_sent: list[Unsent] = field(default_factory=list)

    def every_event(self) -> Iterator[KeyEvent]:
        """Those, and what a recorder read."""
        return chain(self.events, *(each.events for each in self.states))

    def change(self, how: Callable[[KeyEvent], KeyEvent]) -> None:
        """Have each of them another way."""
        self.events = [*map(how, self.events)]
        self.states = [replace(each, events=tuple(map(how, each.events))) for each in self.states]


def response(document: Any) -> dict[str, Any] | None:
    """The watch response in one parsed line, `None` if the line is something else."""
    if not isinstance(document, dict):
        return None
    inner = document.get("response") if "recv_unix_ns" in document else document
    inner = inner.get("result", inner) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(_get(inner, "header"), dict):
        return None
    watched = ("Events" in inner, "events" in inner, "created" in inner, "canceled" in inner)
    return inner if any(watched) or state.pairs(document) is not None else None


def decode(
    file: str, lines: Iterable[tuple[int, bytes | None]], tally: Tally, group: int = groups.DEFAULT
) -> Watch:
    """Read a watch stream; lines and events that cannot be read are counted in `tally`.

    The keys are those of one keyspace ``group``.
    """
    watch = Watch()
    members: set[str] = set()
    terms = _Terms()
    for number, line in lines:
        document = json_object(number, line, tally)
        if document is None:
            continue
        answer = response(document)
        if answer is None:
            tally.skip(number, "not a watch response")
            continue
        header = _get(answer, "header")
        at = _integer(header.get("revision"))
        watch.reached = max(watch.reached, at or 0)
        of = str(header.get("cluster_id", ""))[:MAX_NAME]
        if of.isdigit():  # an uint64, as a number or as text
            watch.clusters.setdefault(of, Where(file, number))
        member_id = str(header.get("member_id"))[:MAX_NAME]
        members.add(member_id)
        latest = _received(document.get("recv_unix_ns"))
        if terms.go_back(member_id, _integer(header.get("raft_term")), latest):
            told = "that etcd member had sent a higher raft term"
            watch.never_sent.append(Unsent(Where(file, number), at or 0, told))
        events = _get(answer, "events") or []
        if not isinstance(events, list):
            tally.skip(number, "events are not a list")
            continue
        if (held := state.pairs(document)) is not None:
            _decode_state(answer, held, Where(file, number), latest, watch, tally, group)
        for event in events:
            _decode_event(event, Where(file, number), latest, watch, tally, groups.paths(group), at)
        if not events:
            tally.other += 1
    if coarse := _coarse(event.latest_ns for event in watch.every_event() if event.latest_ns is not None):
        watch.change(partial(_received_coarsely, coarse))
        tally.assume(f"receipts are told in whole {'s' if coarse == _S_NS else 'ms'}")
    known = watch.every_event()
    leases = (event.lease for event in known if event.lease)
    if Integers((*leases, *filter(None, map(_large, (*watch.clusters, *members))))).rounded:
        _forget_rounded(watch)
        tally.assume(LEASES)
    return watch


class _Terms:
    """The raft terms of each member's responses.

    It sends that of the last entry that it has applied, and serves nobody before it has applied what it knew
    when it stopped (etcd `EtcdServer.Term`, `embed.serveClients`), so they only grow. Those of another one
    may be lower for a while, and so may those of streams that one recorder receives at the same time, or that
    were put into one file, where the time of a receipt tells.
    """

    def __init__(self) -> None:
        #: of each member when it had sent a higher one, and which
        self._rises: defaultdict[str, deque[tuple[int, int]]] = defaultdict(
            lambda: deque([(0, 0)], maxlen=_MOST_TERMS)
        )

    def go_back(self, member: str, term: int | None, received: int | None) -> bool:
        """Whether a response has a lower term than one that was received long before."""
        if not term or received is None:
            return False
        rises = self._rises[member]
        if term > rises[-1][1]:
            rises.append((received, term))  # the first of them falls out
            return False
        higher = takewhile(lambda rise: rise[1] > term, reversed(rises))
        return any(since + _LATE_NS < received for since, _ in higher)


def _large(text: str) -> int:
    """An uint64; 0 if it is none."""
    number = int(text) if len(text) <= 20 and text.isascii() and text.isdigit() else 0
    return number if number < 1 << 64 else 0


def _forget_rounded(watch: Watch) -> None:
    """Leave out what was rounded: all else that large is in base64, or a time."""
    watch.rounded = True
    watch.clusters.clear()
    watch.change(lambda event: replace(event, lease=None))


def _received(told: Any) -> int | None:
    """A receipt in ns: BusyBox' `date` knows none, and others write seconds or ms."""
    received = _integer(told)
    if received is not None and received < UNITS[-1][0]:
        return received
    try:
        return time_ns(told)
    except ValueError:
        return None


def _coarse(receipts: Iterable[int]) -> int:
    """In which unit receipts are told, if it is coarser than it takes to receive one (ns); 0: it is not."""
    common = gcd(*receipts)
    return next((unit for unit in (_S_NS, NS_PER_MS) if common and common % unit == 0), 0)


def _received_coarsely(unit: int, event: KeyEvent) -> KeyEvent:
    """The event, of which only the unit is told in which it was received."""
    return (
        event if event.latest_ns is None else replace(event, latest_ns=event.latest_ns + unit, coarse_ns=unit)
    )


def member(value: bytes) -> tuple[str, tuple[str, ...], tuple[str, ...]] | None:
    """Decode a marshalled `pdpb.Member` or `tsopb.Participant`: name (1), URLs of field 3, URLs of field 4.

    `None` if `value` is not such a message: it must be consumed entirely, be valid UTF-8 and have a name.
    """
    texts: dict[int, list[str]] = {1: [], 3: [], 4: []}
    at = 0
    try:
        while at < len(value):
            tag, at = varint(value, at)
            wire = tag & 7
            if wire == _VARINT:
                _, at = varint(value, at)
            elif wire == _LENGTH:
                size, at = varint(value, at)
                content, at = value[at : at + size], at + size
                if tag >> 3 in texts:
                    texts[tag >> 3].append(content.decode())
            elif wire in (_FIXED64, _FIXED32):
                at += 8 if wire == _FIXED64 else 4
            else:
                return None
    except (ValueError, IndexError):
        return None
    if at != len(value) or not texts[1]:
        return None
    return texts[1][-1], tuple(texts[3]), tuple(texts[4])


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The protobuf varint that starts at `at`, and where it ends.

    Raises `IndexError` when `data` ends inside it and `ValueError` when it does not fit 64 bits.
    """
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >= 1 << 64:
                raise ValueError("varint of more than 64 bits")
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("varint of more than 10 bytes")


def key_of(path: str, group: int = groups.DEFAULT) -> Key | None:
    """Which protocol key of a keyspace group a path is, if any."""
    found = groups.paths(group).fullmatch(path)
    return _key(found) if found else None


def cluster(path: str) -> str | None:
    """The PD cluster id in a protocol key's path."""
    found = _CLUSTER.fullmatch(path)
    return found[1] if found else None


def _decode_state(
    answer: dict[str, Any],
    pairs: list[Any],
    where: Where,
    latest: int | None,
    watch: Watch,
    tally: Tally,
    group: int,
) -> None:
    """What keys held at a revision: the last event of each, of which the others are not known; it was read by
    ``latest``."""
    held = Watch()
    for pair in pairs:
        _decode_event({"kv": pair}, where, latest, held, tally, groups.paths(group))
    watch.api_mode |= held.api_mode
    revision = _integer(_get(answer, "header").get("revision"))
    if revision and not held.undecoded:
        watch.states.append(state.State(revision, tuple(held.events)))


def _decode_event(
    event: Any,
    where: Where,
    latest: int | None,
    watch: Watch,
    tally: Tally,
    paths: re.Pattern[str],
    etcd_at: int | None = None,
) -> None:
    event = event if isinstance(event, dict) else {}
    pair = event.get("kv")
    pair = pair if isinstance(pair, dict) else {}
    revision = _integer(pair.get("mod_revision"))
    key = _base64(pair.get("key"))
    kind = event.get("type", 0)
    if not revision or key is None or kind not in (0, 1, "PUT", "DELETE"):
        tally.skip(where.line, "event without key, revision or known type")
        return
    path = key.decode(errors="replace")
    found = paths.fullmatch(path)
    if found is None:
        watch.seen.add(revision)
        if etcd_at is not None and etcd_at < revision:
            watch.never_sent.append(
                Unsent(where, revision, f"etcd sent it at revision {etcd_at}, as it says")
            )
        watch.api_mode |= _KEYSPACE_GROUP.fullmatch(path) is not None
        if _RAFT.fullmatch(path):
            watch.bootstrapped = min(revision, watch.bootstrapped or revision)
        if _OTHER_ELECTION.fullmatch(path):
            watch.other_elections.add(revision)
        tally.other += 1
        return
    put = kind in (0, "PUT")
    protocol_key = _key(found)
    value = _base64(pair.get("value", "")) if put else b""
    meaning = None if value is None else _meaning(protocol_key, value) if put else {}
    if meaning is None:
        watch.undecoded[revision, path] = where
        tally.skip(where.line, "value that cannot be decoded")
        return
    if protocol_key is Key.REGISTRY:
        meaning["url"] = found["address"]
    watch.seen.add(revision)
    tally.keep(path, meaning.get("text"))
    watch.events.append(
        KeyEvent(
            where=where,
            revision=revision,
            key=protocol_key,
            path=path,
            put=put,
            lease=_integer(pair.get("lease")) or None,
            version=_integer(pair.get("version")),
            latest_ns=latest,
            created=_integer(pair.get("create_revision")) or None,
            held=_held(protocol_key, event.get("prev_kv")),
            etcd_at=etcd_at,
            **meaning,
        )
    )


def _held(key: Key, pair: Any) -> Held | None:
    """What an event says that its key held before, as far as that can be read."""
    revision = _integer(pair.get("mod_revision")) if isinstance(pair, dict) else None
    if not revision:
        return None
    value = _base64(pair.get("value", "")) if key is Key.TIMESTAMP else None
    saved = int.from_bytes(value, "big") if value is not None and len(value) == 8 else None
    return Held(revision, _integer(pair.get("version")), saved)


def _key(found: re.Match[str]) -> Key:
    parts = found.groupdict()
    return _KEYS.get(parts["pd_key"] or parts["ms_key"] or parts.get("ms_timestamp") or "", Key.REGISTRY)


def _meaning(key: Key, value: bytes) -> dict[str, Any] | None:
    """The fields of a `KeyEvent` that a written value fills; `None` if it has no meaning for this key."""
    if key is Key.TIMESTAMP:
        saved = int.from_bytes(value, "big")
        return {"timestamp_ns": saved} if len(value) == 8 and saved < MAX_NS else None
    found = None if key is Key.REGISTRY else member(value)
    if found is None:
        # whoever holds an election key is named in it
        text = value.decode(errors="replace")[:MAX_TEXT]
        named = key in ELECTIONS
        return None if named else {"text": text, "url": text if key is Key.EXPECTED_PRIMARY else None}
    name, third, fourth = found
    urls = fourth if key is Key.LEADER else third
    server = name if key is Key.LEADER else next(iter(urls), "")
    unnamed = not server and key is not Key.EXPECTED_PRIMARY
    if unnamed or max(map(len, (name, *urls))) > MAX_NAME:
        return None
    return {"name": name, "url": urls[0] if urls else None, "urls": urls}


def _get(answer: dict[str, Any], name: str) -> Any:
    found: Any = answer.get(name, answer.get(name.capitalize()))
    return found


def _integer(value: Any) -> int | None:
    """An int64 as etcdctl (number) or the gateway (string of digits) writes it."""
    if isinstance(value, str) and len(value) < 20 and value.isascii() and value.isdigit():
        value = int(value)
    return value if type(value) is int and 0 <= value < 1 << 63 else None


def _base64(value: Any) -> bytes | None:
    try:
        return b64decode(value, validate=True) if isinstance(value, str) else None
    except ValueError:
        return None
