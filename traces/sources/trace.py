"""What the files of one run say together: a `Trace`, and what became of each file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from .builds import Version
from .calls import Calls
from .etcd import Unsent
from .leases import LeasePoll
from .observation import KeyEvent, LogEvent, Where
from .offsets import Clocks
from .retold import Retold
from .settings import ServerStart, Settings
from .state import State


class Kind(Enum):
    """What a file is."""

    WATCH = "etcd watch"
    WATCH_RECEIVED = "etcd watch with receipts"
    WATCH_GATEWAY = "etcd gateway watch"
    PD_LOG = "PD log"
    TSO_LOG = "TSO log"
    LOG = "log"
    CLIENT = "client samples"
    SAMPLES = "timestamps"
    CLIENT_LOG = "client log"
    LEASES = "etcd leases"
    ANSWER = "PD's answer"
    IGNORED = "ignored"


WATCHES = (Kind.WATCH, Kind.WATCH_RECEIVED, Kind.WATCH_GATEWAY)


class Unread(Enum):
    """What a file may be that nothing here can read: what it says is missing."""

    CALLS = "client samples"
    LOG = "a log"
    WATCH = "a watch stream"
    ANYTHING = "anything"


@dataclass(frozen=True, slots=True)
class Source:
    """One file and what became of it.

    `observations` were read; `skipped` lines or events could not be, for the `reasons` given; `other` ones
    are well formed and say nothing about the protocol (other etcd keys, other log messages). `truncated`: the
    file visibly goes on or was damaged, so an unknown number of observations is missing; one cut between two
    lines cannot be told. `hosts`: the servers or clients of which it tells, `releases` what its lines say of
    their builds, `from_ns` to `to_ns` when its observations happened, by the clock of whoever wrote them.
    `unread`: what an ignored file looks like; None: like nothing that could be about the protocol. `assumed`:
    what was taken for granted where it was read, empty if nothing was. `rounded`: its timestamps are not
    exact. `columns`: those of its samples that mean nothing here.
    """

    file: str
    kind: Kind
    observations: int
    other: int
    skipped: int
    reasons: tuple[str, ...]
    truncated: bool
    hosts: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    from_ns: int | None = None
    to_ns: int | None = None
    unread: Unread | None = None
    assumed: str = ""
    rounded: bool = False
    columns: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether everything in the file was understood."""
        return not self.skipped and not self.truncated

    def hides(self, *kinds: Unread) -> bool:
        """Whether it may have said something of one of these kinds that could not be read."""
        return self.unread is Unread.ANYTHING or self.unread in kinds


@dataclass(frozen=True, slots=True)
class Gap:
    """Revisions `first` to `last` are in no watch stream, although etcd had reached `last`.

    A watch that began late, was compacted or lost a line leaves one; so does a watch on less than all keys.
    """

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything the files say, in order: `keys` by revision, `calls` by start, `starts` and `logs` by time.

    Lines of one log keep their order even where its clock went back. `repeated` counts calls and log
    lines that stood in the files twice and are here once. `api_mode`: etcd's events show that some PD led in
    API mode. `bootstrapped`: at which revision at the latest TiKV was there, as they show, else 0.
    `versions`: what logs say of builds, by time.
    `undecoded`: where a protocol key was written with a value that no stream tells. `other_elections`: the
    revisions at which a primary of another keyspace group or service was elected. By server and file of its
    log: `stretches`, from when until when it has lines, of whatever message, that follow each other closely;
    `known_until`, when that was all that was written, as its last line or its recorder tells. `state`: what
    keys held as the watch began, if a recorder read it. `clocks`: what is known of those that wrote its
    times, once they are aligned; else they are taken to agree. `addresses`: those of the TSO servers that are
    called by name here. `retold`: the calls among `repeated`. `members`: the addresses of PDs, where one was
    asked for them. `polls`: what a recorder read of etcd's leases, in the order of its files. `never_sent`:
    responses that etcd has not sent so.
    """

    sources: tuple[Source, ...]
    keys: tuple[KeyEvent, ...]
    gaps: tuple[Gap, ...]
    logs: tuple[LogEvent, ...]
    starts: tuple[ServerStart, ...]
    calls: Calls
    repeated: int
    settings: Settings
    api_mode: bool = False
    bootstrapped: int = 0
    versions: tuple[Version, ...] = ()
    undecoded: tuple[Where, ...] = ()
    other_elections: frozenset[int] = frozenset()
    stretches: Mapping[tuple[str, str], Sequence[tuple[int, int]]] = field(default_factory=dict)
    known_until: Mapping[tuple[str, str], int] = field(default_factory=dict)
    state: State | None = None
    clocks: Clocks = field(default_factory=Clocks)
    addresses: Mapping[str, str] = field(default_factory=dict)
    retold: Retold = field(default_factory=Retold)
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    polls: tuple[LeasePoll, ...] = ()
    never_sent: tuple[Unsent, ...] = ()

    def rounded(self) -> list[str]:
        """The files with calls whose timestamps are not exact."""
        files = {source.file for source in self.sources if source.rounded}
        return [file for file in self.calls.files() if file in files] if files else []
