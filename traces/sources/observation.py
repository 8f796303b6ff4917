"""What a recording says happened: where it is written, when it can have happened, with which values.

Three kinds of observation, one for each kind of recording: `KeyEvent` (etcd), `LogEvent` (a PD or TSO
server's log) and `Call` (one client request). They repeat what a file says and conclude nothing.

Units: `_ns` is Unix time in nanoseconds, `_ms` milliseconds, `_s` seconds. Each time is a reading of the
clock of whoever wrote the line: the server for a log, the client for a call, the recorder for a receipt.
Whether these clocks agree is not in the recording; what compares two of them (`judge/`) says that it does.

Servers have one name throughout, `server`: a PD's is its configured name (`pd1`). What etcd, logs and clients
have in common of a TSO server is its advertised URL (`http://10.0.1.7:3379`); it is called so while files are
read, and then by its name (`naming.py`).
"""

import tempfile
from dataclasses import dataclass
from enum import Enum

NS_PER_MS = 1_000_000

#: a time since 1970 or a span that is longer (it is 2116 then) is none: sums of two are still times of a run
MAX_NS = 1 << 62
MAX_LEASE_S = 1 << 31
#: a name or an address that is longer is none
MAX_NAME = 500
#: of other text, what goes on is left out
MAX_TEXT = 4096


class BadInput(Exception):
    """The recordings cannot be judged at all. The message is one line.

    `file` and `line` (`None`: the file as a whole) say where, `expected` what should stand there,
    `what_to_do` the way out.
    """

    def __init__(self, file: str, line: int | None, expected: str, what_to_do: str) -> None:
        self.file = file
        self.line = line
        self.expected = expected
        self.what_to_do = what_to_do
        place = file if line is None else f"{file}:{line}"
        super().__init__(" ".join(f"{place}: expected {expected}; {what_to_do}".split()))


def no_room(error: OSError) -> BadInput:
    """What is said where temporary files cannot be written."""
    free = f"free some, or name another folder in TMPDIR ({error.strerror})"
    return BadInput(tempfile.gettempdir(), None, "room for temporary files", free)


@dataclass(frozen=True, slots=True)
class Where:
    """A line of a file; lines count from 1, in the decompressed text.

    `turned`: of a log with the newest line first, how many lines it has, else 0. `moved`: how many lines
    further on it was written, among those of one millisecond.
    """

    file: str
    line: int
    turned: int = 0
    moved: int = 0

    @property
    def place(self) -> int:
        """Which line it was to be written, from 1."""
        return (self.turned + 1 - self.line if self.turned else self.line) + self.moved

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Service(Enum):
    """Who hands out timestamps: the allocator inside PD, or a TSO microservice server."""

    PD = "pd"
    TSO = "tso"
    UNKNOWN = "unknown"


class Key(Enum):
    """The keys the protocol lives on; the paths are those of the default keyspace group."""

    LEADER = "leader"  # /pd/{cluster}/leader
    PRIMARY = "primary"  # /ms/{cluster}/tso/00000/primary
    EXPECTED_PRIMARY = "expected primary"  # /ms/{cluster}/tso/00000/primary/expected_primary
    REGISTRY = "registry"  # /ms/{cluster}/tso/registry/{address}
    TIMESTAMP = "timestamp"  # /pd/{cluster}/timestamp


#: the keys that servers campaign for
ELECTIONS = (Key.LEADER, Key.PRIMARY)


@dataclass(frozen=True, slots=True)
class Held:
    """What an event says that its key held before: written at ``revision``, as the ``version``-th write."""

    revision: int
    version: int | None
    timestamp_ns: int | None


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """One write or deletion of a protocol key, as etcd applied it.

    Certain: the order (`revision`, etcd's mod revision; events of one transaction share it), the key, the
    value. Not in the event: who wrote the timestamp key, and when. `latest_ns` is when a recorder had
    received it: the write happened before, nothing says how long before; `None` where receipts were not
    recorded.

    `name` and `url` are what the value says of its server (`url`: the first client or listen URL, `urls`: all
    of them). A deletion
    has no value; only for the registry does the path still say whose entry went. `text` is the value as it
    stands, for the registry and for values that name no server. `timestamp_ns` is the saved end of the
    window. `version` counts the writes since the key was created, from 1; 0 or `None` for a deletion.
    `created` is the revision that created the key, `held` what it held before (`--prev-kv`), `etcd_at` the
    revision that etcd was at when it sent the event; `None` where the stream does not tell. `coarse_ns`: it
    was received up to that much before `latest_ns`, for receipts are told in so many ns.
    """

    where: Where
    revision: int
    key: Key
    path: str
    put: bool
    name: str | None = None
    url: str | None = None
    text: str | None = None
    timestamp_ns: int | None = None
    lease: int | None = None
    version: int | None = None
    latest_ns: int | None = None
    urls: tuple[str, ...] = ()
    created: int | None = None
    held: Held | None = None
    etcd_at: int | None = None
    coarse_ns: int = 0

    @property
    def received_ns(self) -> int | None:
        """When it was received, at the earliest."""
        return None if self.latest_ns is None else self.latest_ns - self.coarse_ns

    @property
    def server(self) -> str | None:
        """The server the value names, called as in `LogEvent.server`."""
        return self.name if self.key is Key.LEADER else self.url


class LogStep(Enum):
    """A step of the protocol that a server logs. `words.py` has the messages and fields."""

    SERVER_START = "server start"
    SERVER_EXIT = "server exit"
    CAMPAIGN_START = "campaign start"
    CAMPAIGN_SKIPPED = "campaign skipped"
    CAMPAIGN_REFUSED = "campaign refused"
    LEASE_GRANTED = "lease granted"
    ELECTED = "elected"
    CAMPAIGN_WON = "campaign won"
    SYNC_START = "sync start"
    WINDOW_LOADED = "window loaded"
    CLOCK_BEHIND = "clock behind the saved window"
    #: no line of its own: SYNC_SAVED tells which clock reading the sync began with
    SYNC_BEGUN = "sync begun"
    SYNC_SAVED = "sync saved"
    SYNC_SKIPPED = "sync skipped"
    EXPECTED_SET = "expected primary set"
    EXPECTED_DELETED = "expected primary deleted"
    EXPECTED_LEFT = "expected primary watched no more"
    READY = "ready to serve"
    SAVE_ATTEMPT = "save attempt"
    SAVE_REFUSED = "save refused"
    WINDOW_SAVED = "window saved"
    KEY_OF_ANOTHER = "election key holds another value"
    STALE_FAILURE = "stale failure ignored"
    RESET = "reset in memory"
    ALLOCATOR_CLOSED = "allocator closed"
    STEP_DOWN = "step down"
    KEEP_ALIVE_SLOW = "keep alive slow"
    KEEP_ALIVE_STOPPED = "keep alive stopped"
    REVOKE_FAILED = "revoke failed"
    KEEP_ALIVE_FAILED = "keep alive failed"
    KEY_DELETED = "election key seen deleted"
    KEY_REMOVED = "election key removed"
    HOLDER_CHANGED = "election holder changed"
    FOLLOWING = "following"
    TRANSFER = "transfer"
    TRANSFER_SKIPPED = "transfer to itself skipped"
    PROVIDER_TSO = "provider is the TSO service"
    PROVIDER_PD = "provider is PD"
    CLOCK_OFFSET = "clock offset"
    CLOCK_WENT_BACK = "clock went back"
    NO_TIMESTAMP = "no timestamp in memory"
    LOGICAL_LOW = "logical nearly used up"
    ADMIN_RESET = "admin reset"
    #: of others than PD and TSO servers
    RESET_REFUSED = "admin reset refused"
    BEYOND_LIMIT = "timestamp beyond the limit"


class Refusal(Enum):
    """Why a save did not happen."""

    FENCE = "a TSO primary exists"
    NOT_GREATER = "not greater than the saved timestamp"
    LEADERSHIP = "the election key is not mine"
    CONFLICT = "transaction conflict"
    NO_MEMORY = "nothing in memory"
    OTHER = "other"


class Attempt(Enum):
    """What wanted to save: the tick of a serving allocator, or the sync after an election."""

    UPDATE = "update"
    SYNC = "sync"


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One step of the protocol in a server's log.

    The line was written in [`at_ns`, `at_ns` + 1 ms) by that server's clock, and lines of one server stand in
    the order they were written. The step itself is before its line or after it as the message says: an
    attempt before it is made, a result after it is known. A step without a line may have happened all the
    same.

    The moments `last_ns`, `last_saved_ns`, `save_ns` and `next_ns` are cut to the millisecond too: the exact
    one is in [x, x + 1 ms); `None` is Go's zero time (nothing in memory) or a line that does not give it.
    `key` is the election a lease or revision belongs to. `retry` counts the tries of one update from 0;
    `passed_on`: who wanted that update says that it was refused, too, `given_up`: and tries no more.
    `text` is the error or reason as logged; of a save attempt the value that its election key should have.
    """

    where: Where
    server: str
    service: Service
    at_ns: int
    step: LogStep
    text: str = ""
    key: Key | None = None
    revision: int | None = None
    lease: int | None = None
    lease_s: int | None = None
    last_ns: int | None = None
    last_saved_ns: int | None = None
    save_ns: int | None = None
    next_ns: int | None = None
    refusal: Refusal | None = None
    attempt: Attempt | None = None
    retry: int | None = None
    passed_on: bool = False
    given_up: bool = False
    fenced: bool | None = None  # check-tso-primary of a save attempt


LOGICAL_BITS = 18
"""Of a timestamp in one number, as TiDB compares them: what does not fit is none of PD's."""


@dataclass(frozen=True, slots=True)
class Call:
    """One client request and its answer.

    Certain: it was sent after `start_ns` and its answer was here before `end_ns`, by the client's clock; the
    timestamps (`physical`, `logical` - `count` + 1) to (`physical`, `logical`) were granted in between. A
    failed call has `error` and owns nothing it knows of. `kind` is pd or tso (raw stream to `endpoint`) or
    lib (PD's client library).

    Not `timed`: nothing tells when; `start_ns` and `end_ns` are its place in its file. `untold_start`: only
    when it was answered is told, and `start_ns` is as early as it can have been asked for; `untold_end`: only
    when it was asked for, and `end_ns` is as late as it can have been answered. `started` and `ended` are
    what is told.
    """

    file: str
    line: int
    client: str
    kind: str
    endpoint: str
    worker: int | None
    start_ns: int
    end_ns: int
    physical: int
    logical: int
    count: int
    error: str | None
    timed: bool = True
    untold_start: bool = False
    untold_end: bool = False

    @property
    def started(self) -> int | None:
        """When it was asked for (ns), if that is told."""
        return self.start_ns if self.timed and not self.untold_start else None

    @property
    def ended(self) -> int | None:
        """When it was answered (ns), if that is told."""
        return self.end_ns if self.timed and not self.untold_end else None

    @property
    def where(self) -> Where:
        """The line of the file; made on demand, because there are many calls."""
        return Where(self.file, self.line)

    @property
    def first(self) -> int:
        """The lowest timestamp granted, as the number that it is to whoever uses it."""
        return (self.physical << LOGICAL_BITS) + self.logical - self.count + 1

    @property
    def last(self) -> int:
        """The highest timestamp granted, as the number that it is to whoever uses it."""
        return (self.physical << LOGICAL_BITS) + self.logical


Observation = KeyEvent | LogEvent | Call
