"""Own samples: each server asked for a timestamp again and again, every call a line that replay reads.

Each server has a client of its own, with one call in flight: what is not answered within `ANSWER_S` is a call
without an answer, and the next one follows.  All are on the recorder's clock, so that the order of calls
through different servers is certain.

A TSO server of 7.1 to 8.5 that is no primary saves a window when the first client asks it: so it may when it
is asked here, as by any other client.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from ..sources.observation import MAX_NAME, MAX_TEXT, BadInput
from . import tso
from .gateway import ANSWER_S, Access, Compacted, Gateway, Unreachable, address
from .lines import Lines
from .record import CLUSTER_ID, Say
from .tasks import first

#: how often is looked which TSO servers there are, s
_LOOK_S = 5.0
#: more servers than clusters have
_MOST = 64
#: a kind of server, and its address
Server = tuple[str, str]


class Sampler:
    """Asks all PDs of the cluster, and all TSO servers that are registered; ``samples``: how often so far.

    ``period_s``: from one call of a server to the next.
    """

    def __init__(self, gateway: Gateway, access: Access, file: Path, say: Say, period_s: float) -> None:
        self._gateway = gateway
        self._access = access
        self._file = file
        self._lines: Lines | None = None
        self._say = say
        self._period_s = period_s
        self._asked: set[Server] = set()
        #: addresses of members of etcd beside the PDs that were named
        self._others: list[str] = []
        self.samples = 0

    async def follow(self, stop: asyncio.Event) -> None:
        """Until it is to stop; a call that waits for its answer then is not told.

        Raises:
            BadInput: a certificate cannot be read, or the file not be written.
        """
        await first(self._sample(), stop.wait())

    def turn(self, file: Path) -> None:
        """Go on in another file, which is made for its first line."""
        self.close()
        self._file, self._lines = file, None

    def close(self) -> None:
        """Nothing more is written."""
        if self._lines is not None:
            self._lines.close()

    async def _sample(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    with suppress(Compacted, Unreachable):  # the recorder says so
                        for cluster in await self._clusters():
                            there = {*await self._pds(), *await self._registered(cluster)}
                            new, self._asked = there - self._asked, there
                            for server in sorted(new):
                                group.create_task(self._ask(*server, cluster))
                    await asyncio.sleep(_LOOK_S)
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _clusters(self) -> list[int]:
        """The cluster, as soon as it has a number."""
        return [int.from_bytes(each.value, "big") for each in (await self._gateway.range(CLUSTER_ID)).pairs]

    async def _pds(self) -> list[Server]:
        """The PDs that were named, and all other members of etcd."""
        try:
            self._others = await self._gateway.members()
        except BadInput as error:
            self._say(f"only the PDs that were named are asked for timestamps: {error}")
        return self._servers("pd", [*self._gateway.urls, *self._others])

    async def _registered(self, cluster: int) -> list[Server]:
        """The TSO servers that etcd knows."""
        prefix = f"/ms/{cluster}/tso/registry/"
        found = await self._gateway.range(prefix.encode(), f"{prefix[:-1]}0".encode())
        return self._servers("tso", [pair.path.removeprefix(prefix) for pair in found.pairs])

    def _servers(self, kind: str, urls: Sequence[str]) -> list[Server]:
        servers = []
        for url in urls[:_MOST]:
            try:
                servers.append((kind, address(url[:MAX_NAME])))
            except BadInput:
                self._say(f"{url[:MAX_NAME]}: the address of a {kind.upper()} server that is none")
        return servers

    async def _ask(self, kind: str, url: str, cluster: int) -> None:
        """A server, again and again as long as it is there."""
        connection = tso.channel(url, self._access)
        client = f"tsofence@{urlsplit(url).netloc}"
        clock = asyncio.get_running_loop().time
        try:
            while (kind, url) in self._asked:
                due = clock() + self._period_s
                start, began = time.time_ns(), time.monotonic_ns()
                physical, logical, error = 0, 0, ""
                try:
                    physical, logical = await tso.ask(connection, kind, cluster, ANSWER_S)
                except tso.Failed as why:
                    error = str(why)[:MAX_TEXT]
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise asyncio.CancelledError  # gRPC keeps to itself one that comes as a call fails
                told = {
                    "client": client,
                    "kind": kind,
                    "endpoint": url,
                    "start_unix_ns": start,
                    "end_unix_ns": start + time.monotonic_ns() - began,
                    "physical": physical,
                    "logical": logical,
                    "count": 1,
                }
                line = json.dumps(told | ({"error": error} if error else {}), separators=(",", ":"))
                self._lines = self._lines or Lines(self._file)
                self._lines.write(line.encode() + b"\n")
                self.samples += 1
                await asyncio.sleep(max(0.0, due - clock()))
        finally:
            await connection.close()
