"""The search on several processes or machines, with Ray: each worker owns the states that hash to it.

A worker takes the steps of its own states, with machine code, and splits what they lead to by owner;
the arrays go through Ray's object store, and the owners tell old from new.  Levels are barriers, and
so are the chunks of a level.  A worker that is lost takes its states with it: the search then ends
without a verdict.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from ...model.language.instance import Configuration
from ...model.language.layout import State
from ...specs.properties import named
from ..machine.expand import Expander, Hit, Watch
from ..machine.machine_code import I64, NOTHING, POINTER, Compiled, Value, function
from ..machine.packing import Packing
from ..machine.table import MOST_ROWS, SLOT_BYTES, Table, TableCode
from .engine import Engine, Plain, WorkerLost
from .native import Native

#: packed states, and for each the state that led to it: its number in its shard times shards, plus shard
Rows = NDArray[np.uint64]
Origins = NDArray[np.int64]
Part = tuple[Rows, Origins]

#: states whose steps a worker takes in one go; what they lead to is sent at once
_BATCH = 1 << 15
#: states that a worker takes in before it looks again whether there is room
_PIECE = 1 << 10
_NOBODY = -1
#: seconds that the workers have to start in
_PATIENCE = 120
#: odd, and not one of those that mix the hash in a table: slots and owners have to be independent
_MIX = np.uint64(0xD6E8FEB86659FD93)


def owners(rows: Rows, shards: int) -> NDArray[np.uint64]:
    """Which shard each of these states belongs to."""
    mixed = np.zeros(len(rows), np.uint64)
    for part in rows.T:
        mixed = (mixed ^ part) * _MIX
        mixed ^= mixed >> np.uint64(32)
    return mixed * _MIX % np.uint64(shards)


class _Batch(Native):
    """What one batch of states leads to; between batches only the foldings of times are kept."""

    @property
    def packing(self) -> Packing:
        """How states are packed."""
        return self._packing

    def after(self, rows: Rows) -> tuple[Rows, NDArray[np.int64]]:
        """The states that these lead to, none of them twice, and for each the place of one before it."""
        self._lanes[0].forget_many()
        many = len(rows)
        self._states.fill(rows)
        self._children[:many] = 0
        self._notes["hit_at"][:] = _NOBODY
        self.expand(0, many)
        found = self._states.rows[many:]
        return found, np.repeat(np.arange(many), self._children[:many])


class Shard:
    """The states of one worker, in the order in which it got to know them."""

    def __init__(
        self,
        make: Callable[[], Configuration],
        first: Sequence[State],
        properties: Sequence[str],
        number: int,
        shards: int,
        most: int,
        memory: int | None,
    ) -> None:
        """``make`` makes the configuration; ``most`` states fit at most, in ``memory`` bytes."""
        self._number, self._shards = number, shards
        self._expander = expander = Expander(make(), [named(name) for name in properties], first)
        self._batch = _Batch(Plain(expander), _BATCH * (len(expander.instances) + 1))
        self._packing = packing = self._batch.packing
        if memory is not None:
            most = min(most, int(memory / (8 * packing.words + SLOT_BYTES + 8)))
        compiled = _compile(packing.words)
        self._table = Table(compiled, packing.words, min(most, MOST_ROWS))
        self._origins = self._table.beside(1, np.int64)
        pointers = [ctypes.c_void_p] * 4
        self._take = compiled.function("take", None, *pointers, ctypes.c_int64)
        self._hits: dict[int, Hit] = {}
        starts = np.frombuffer(b"".join(expander.starts), np.uint8)
        rows = packing.pack(starts.reshape(len(expander.starts), -1))
        mine = rows[owners(rows, shards) == number]
        self.receive((mine, np.full(len(mine), _NOBODY)))

    def agreement(self) -> object:
        """What must be the same in all shards, or they would not talk about the same states."""
        return self._packing.fields, self._expander.source, self._expander.guards

    def __len__(self) -> int:
        return len(self._table)

    def memory(self) -> int:
        """Bytes in use for states."""
        return self._table.memory + len(self) * self._origins.rows.itemsize

    def expand(self, first: int, last: int) -> list[Part] | Part:
        """What these states of this shard lead to, by owner; one owner: as Ray has it, no list."""
        parts: list[list[Part]] = [[] for _ in range(self._shards)]
        for start in range(first, last, _BATCH):
            found, before = self._batch.after(self._table.rows[start : min(start + _BATCH, last)])
            for which, hit in self._batch.watch.hits.items():
                self._hits.setdefault(which, (start + hit[0], hit[1]))
            origins = (before + start) * self._shards + self._number
            owner = owners(found, self._shards)
            for shard, into in enumerate(parts):
                theirs = owner == shard
                into.append((found[theirs], origins[theirs]))
        joined = [_joined(part, self._packing.words) for part in parts]
        return joined if len(joined) > 1 else joined[0]

    def receive(self, *parts: Part) -> int:
        """Add what is new; how many states the shard has then.

        Raises:
            MemoryError: there is no room for them.
        """
        for rows, origins in parts:
            # most are old: room for all of them at once would be far too much
            for start in range(0, len(rows), _PIECE):
                some, theirs = rows[start : start + _PIECE], origins[start : start + _PIECE]
                self._table.make_room(len(some))
                kept = self._origins.address  # which moves as room is made
                self._take(self._table.address, some.ctypes.data, theirs.ctypes.data, kept, len(some))
        return len(self)

    def watch(self) -> Watch:
        """What was noted here; hits by the number of the state in this shard."""
        noted = self._batch.watch
        return Watch(noted.fired, noted.refused, dict(self._hits), noted.tested, noted.cut)

    def states(self, first: int, last: int) -> NDArray[np.uint8]:
        """States of this shard, a row each."""
        return self._packing.unpack(self._table.rows[first:last])

    def origin(self, index: int) -> int:
        """What led to a state of this shard, as in `Origins`; negative: it is a first state."""
        return int(self._origins.rows[index, 0])

    def process(self) -> int:
        """The process that this shard lives in."""
        return os.getpid()


def _joined(parts: Sequence[Part], words: int) -> Part:
    if not parts:
        return np.empty((0, words), np.uint64), np.empty(0, np.int64)
    return np.concatenate([rows for rows, _ in parts]), np.concatenate([origins for _, origins in parts])


def _compile(words: int) -> Compiled:
    """take(table, rows, origins, kept, many): add rows; the origin of each new one goes to its number."""
    module: Value = ir.Module()
    table_code = TableCode(module, words)
    made, code = function(module, "take", NOTHING, POINTER, POINTER, POINTER, POINTER, I64)
    table, rows, origins, kept, many = made.args
    with code.counting(many) as index:
        state = table_code.load(code, rows, index)
        before = table_code.count_of(code, table)
        found = code.call(table_code.insert, (table, *state, table_code.hashed(code, state)))
        with code.if_then(code.icmp_unsigned("==", found, before)):
            origin = code.load(code.element(origins, index, I64), typ=I64)
            code.store(origin, code.element(kept, found, I64))
    code.ret_void()
    return Compiled(module)


class Cluster(Engine):
    """Shards on the workers of a Ray, which is the one that RAY_ADDRESS names, or one on this machine.

    States are numbered level by level, and within a level shard by shard.
    """

    #: states a worker expands between two barriers
    chunk = 1 << 17

    def __init__(
        self,
        make: Callable[[], Configuration],
        first: Sequence[State],
        properties: Sequence[str],
        *,
        most: int,
        memory: int | None = None,
        workers: int | None = None,
    ) -> None:
        """Room for ``most`` states in each of the workers, one a core, and for ``memory`` bytes in all.

        Raises:
            WorkerLost: a worker ended.
        """
        import ray

        self._ray: Any = ray
        self.expander = Expander(make(), [named(name) for name in properties], first)
        if not ray.is_initialized():
            start(ray, workers)
        shards = workers or int(ray.cluster_resources()["CPU"])
        share = None if memory is None else memory // shards
        # a worker that came back would have lost its states: never start one again
        remote = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(Shard)
        self._shards = [
            remote.remote(make, first, properties, number, shards, most, share) for number in range(shards)
        ]
        self._watch = self.expander.watch()
        self._counts = [0] * shards
        #: how many states each shard had as each level began; the last: as the next one will
        self._bounds = [self._counts]
        self._done = 0
        agreements = self._all("agreement", _PATIENCE)
        if any(agreement != agreements[0] for agreement in agreements):
            raise WorkerLost(
                "the workers do not run the same version of tsofence: install one on all of them"
            )
        self._note()

    def __len__(self) -> int:
        return sum(self._counts)

    @property
    def watch(self) -> Watch:
        return self._watch

    @property
    def memory(self) -> int:
        return self._memory

    @property
    def processes(self) -> list[int]:
        """The process of each worker, on its own machine."""
        found: list[int] = self._all("process")
        return found

    def expand(self, first: int, last: int) -> None:
        """As `Engine.expand`, within one level.

        Raises:
            WorkerLost: a worker ended.
        """
        if first == sum(self._bounds[-1]):
            self._bounds.append(self._counts)
        starts, ends = self._bounds[-2:]
        base, size = sum(starts), sum(ends) - sum(starts)
        if first != self._done or last > base + size:
            raise ValueError(f"states {first} to {last} are not what comes next in this level")
        begun, done = first - base, last - base
        parts = [
            _several(shard.expand, len(self._shards)).remote(
                start + (end - start) * begun // size, start + (end - start) * done // size
            )
            for shard, start, end in zip(self._shards, starts, ends, strict=True)
        ]
        if len(self._shards) == 1:
            parts = [[part] for part in parts]
        self._get(
            [
                shard.receive.remote(*(from_one[number] for from_one in parts))
                for number, shard in enumerate(self._shards)
            ]
        )
        self._done = last
        self._note()

    def states(self, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        last = len(self) if last is None else min(last, len(self))
        bounds = [*self._bounds, self._counts]
        for starts, ends in pairwise(bounds):
            at = sum(starts)
            for shard, start, end in zip(self._shards, starts, ends, strict=True):
                low, high = max(first, at), min(last, at + end - start)
                if low < high:
                    yield from map(bytes, self._get(shard.states.remote(start + low - at, start + high - at)))
                at += end - start

    def before(self, index: int) -> int | None:
        level = bisect(self._bounds, index, key=sum) - 1
        at = sum(self._bounds[level])
        ends = [*self._bounds, self._counts][level + 1]
        for shard, start, end in zip(self._shards, self._bounds[level], ends, strict=True):
            if index < at + end - start:
                origin = self._get(shard.origin.remote(start + index - at))
                return None if origin < 0 else self._numbered(*divmod(origin, len(self._shards)))
            at += end - start
        raise IndexError(f"there is no state {index}")

    def _numbered(self, local: int, shard: int) -> int:
        """The number of a state of a shard whose level is not the one under construction."""
        level = bisect(self._bounds, local, key=lambda counts: counts[shard]) - 1
        starts, ends = self._bounds[level : level + 2]
        earlier = sum(ends[:shard]) - sum(starts[:shard])
        return sum(starts) + earlier + local - starts[shard]

    def _note(self) -> None:
        """Ask every worker what it has."""
        self._counts = self._all("__len__")
        self._memory: int = sum(self._all("memory"))
        watches: list[Watch] = self._all("watch")
        hits: dict[int, Hit] = {}
        for shard, watch in enumerate(watches):
            for which, (local, via) in watch.hits.items():
                hit = self._numbered(local, shard), via
                hits[which] = min(hits.get(which, hit), hit)
        self._watch = Watch(
            [sum(counts) for counts in zip(*(watch.fired for watch in watches), strict=True)],
            [max(marks) for marks in zip(*(watch.refused for watch in watches), strict=True)],
            hits,
            [sum(counts) for counts in zip(*(watch.tested for watch in watches), strict=True)],
            [sum(counts) for counts in zip(*(watch.cut for watch in watches), strict=True)],
        )

    def _all(self, method: str, patience: float | None = None) -> Any:
        return self._get([getattr(shard, method).remote() for shard in self._shards], patience)

    def _get(self, references: Any, patience: float | None = None) -> Any:
        """What workers answer, in that many seconds.

        Raises:
            MemoryError: one of them has no room.
            WorkerLost: one of them ended; what it had found is lost, so that nothing is left to tell.
        """
        exceptions = self._ray.exceptions
        try:
            return self._ray.get(references, timeout=patience)
        except exceptions.GetTimeoutError as error:
            raise WorkerLost(
                f"{len(self._shards)} workers did not start in {patience} s: are the cluster's cores busy?"
            ) from error
        except exceptions.RayError as error:
            if isinstance(error, exceptions.RayTaskError) and not isinstance(
                error.cause, exceptions.RayError
            ):
                raise  # the worker's own error, which is of its own class too
            self._watch.hits.clear()
            raise WorkerLost(
                f"a worker was lost, and its states with it, after {len(self)} states: run it again"
            ) from error


def _several(method: Any, many: int) -> Any:
    """A remote method that returns so many values, each an object of its own in the store."""
    return method.options(num_returns=many)


def start(ray: Any, workers: int | None) -> None:
    """Join the Ray of RAY_ADDRESS, or start one with so many cores (None: those of the machine)."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    address = os.environ.get("RAY_ADDRESS")
    ends = signal.getsignal(signal.SIGTERM)
    if address:
        ray.init(address=address, **quiet)
    else:
        ray.init(address="local", num_cpus=workers or os.cpu_count(), include_dashboard=False, **quiet)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, ends)  # Ray's handler would end this process, and what it found
