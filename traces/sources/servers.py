"""Which servers a trace tells of, under which numbers the model knows them, and where clients find them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...model.language.transition import Kind as ServerKind
from .observation import ELECTIONS, Key, LogEvent, LogStep, Refusal, Service
from .trace import Trace

#: how many an explanation or a run may have
MAX_SERVERS = 16

UNNAMED_PD, UNNAMED_TSO = "a PD that nothing names", "a TSO server that nothing names"


def address(url: str) -> str:
    """An address as each of its spellings has it: with or without scheme and slash at its end."""
    return url.rpartition("://")[2].rstrip("/").lower()


class Unclear(Exception):
    """What a trace tells cannot be explained: there is too much, or its servers cannot be told apart."""


class Servers:
    """PDs and TSO servers by name, numbered from 1, PDs first.

    The model needs a PD, for etcd lives in one, and a TSO server where a primary key or a refusal by the
    fence tells of one; where nothing names them, `UNNAMED_PD` and `UNNAMED_TSO` stand for them. A log whose
    server is known only from the file's name is not attributed to anybody, unless nothing else names servers.
    Where a PD is in API mode, every TSO server that is registered counts.

    Raises:
        Unclear: there are more than `MAX_SERVERS`, or a PD and a TSO server have one name.
    """

    def __init__(self, trace: Trace) -> None:
        pds: dict[str, None] = {}
        tsos: dict[str, None] = {}
        self._endpoints: dict[str, str] = {}
        self._modes: dict[str, list[tuple[int, bool]]] = {}
        for start in trace.starts:
            if start.api_mode is not None:
                self._modes.setdefault(start.server, []).append((start.at_ns, start.api_mode))
        #: is a PD in API mode at any time?
        self.registry = any(mode for modes in self._modes.values() for _, mode in modes)
        named = (*ELECTIONS, Key.REGISTRY) if self.registry else ELECTIONS
        held = trace.state.events if trace.state else ()
        for event in (*held, *trace.keys):
            if event.server and event.key in named:
                (pds if event.key is Key.LEADER else tsos)[event.server] = None
                self._endpoints |= dict.fromkeys(map(address, event.urls or (event.server,)), event.server)
        for start in trace.starts:
            if start.server and start.service is not Service.UNKNOWN:
                (pds if start.service is Service.PD else tsos)[start.server] = None
                self._endpoints |= dict.fromkeys(map(address, start.urls), start.server)
        listening: dict[str, set[str]] = {}
        for start in trace.starts:
            for url in start.listens if start.server else ():
                listening.setdefault(address(url), set()).add(start.server)
        self._named = {address: name for name, address in trace.addresses.items()}
        # where each host has the same address of its own, that names nobody
        alone = {url: names.pop() for url, names in listening.items() if len(names) == 1}
        members = {address(url): name for name, urls in trace.members.items() for url in urls}
        self._endpoints = {**members, **alone, **self._endpoints}
        if not pds and not tsos:
            for line in trace.logs:
                if line.service is not Service.UNKNOWN:
                    (pds if line.service is Service.PD else tsos)[line.server] = None
        if not pds:
            pds[UNNAMED_PD] = None
        told = any(event.key is Key.PRIMARY for event in (*held, *trace.keys))
        if not tsos and (told or any(line.refusal is Refusal.FENCE for line in trace.logs)):
            tsos[UNNAMED_TSO] = None
        if both := next((name for name in pds if name in tsos), None):
            raise Unclear(f"{both} is the name of a PD and of a TSO server")
        if len(pds) + len(tsos) > MAX_SERVERS:
            raise Unclear(f"{len(pds) + len(tsos)} servers, where {MAX_SERVERS} can be explained")
        self.names = (*pds, *tsos)
        self.kinds = (ServerKind.PD,) * len(pds) + (ServerKind.TSO,) * len(tsos)
        self._numbers = {name: number for number, name in enumerate(self.names, 1)}
        self._first_lines: dict[str, LogEvent] = {}
        for line in trace.logs:
            self._first_lines.setdefault(line.server, line)
        led = {event.server for event in (*held, *trace.keys) if event.key is Key.LEADER and event.put}
        #: PDs that led although no log tells in which mode
        self.untold = tuple(name for name in pds if name in led and name not in self._modes)

    def number(self, name: str | None) -> int:
        """The server of that name, 0 if there is none."""
        return self._numbers.get(name or "", 0)

    def at(self, kind: str, endpoint: str) -> int:
        """The server that a client of that kind asks at an endpoint, 0 if that is not known."""
        return self._asked(endpoint) if kind in ("pd", "tso") else 0

    def kind_at(self, endpoint: str) -> str:
        """Of which kind a client is that says only where it asked; of PD's library if that is not known."""
        number = self._asked(endpoint)
        return "lib" if not number else "tso" if self.kinds[number - 1] is ServerKind.TSO else "pd"

    def _asked(self, endpoint: str) -> int:
        known = self._endpoints.get(address(endpoint))
        if known is None and endpoint in self._named.values():
            return 0  # a client's word for a server, which may be another than what it is called here
        return self.number(known or self._named.get(endpoint, endpoint))

    def in_api_mode(self, number: int, at_ns: int) -> bool:
        """Whether the last start of a server before that time was in API mode, as far as logs tell."""
        modes = self._modes.get(self.names[number - 1], ()) if number else ()
        return next((mode for at, mode in reversed(modes) if at <= at_ns), False)

    def were_in_api_mode(self, number: int, at_ns: Any) -> Any:
        """The same for many times."""
        found = np.zeros(len(at_ns), bool)
        for at, mode in self._modes.get(self.names[number - 1], ()):
            found[at <= at_ns] = mode
        return found

    def in_service_mode(self, number: int, at_ns: int) -> bool | None:
        """Whether a PD had started in PD service mode before that time; None if no log tells."""
        modes = self._modes.get(self.names[number - 1], ()) if number else ()
        return next((not mode for at, mode in reversed(modes) if at <= at_ns), None)

    def modes_at(self, number: int, at_ns: int) -> tuple[bool, ...]:
        """In which modes a server may be at the beginning of the trace: API mode or not.

        The last start before tells, or a log that begins with a start. TSO servers have no mode, and where no
        PD is in API mode, none is.
        """
        if not self.registry or self.kinds[number - 1] is ServerKind.TSO:
            return (False,)
        name = self.names[number - 1]
        modes = self._modes.get(name, ())
        before = [mode for at, mode in modes if at <= at_ns]
        if before:
            return (before[-1],)
        if modes and self._first_lines[name].step is LogStep.SERVER_START:
            return (modes[0][1],)
        return (False, True)

    def started_in(self, number: int, at_ns: int) -> bool | None:
        """Whether a server started in API mode then; None: it is no PD, or its log does not say."""
        modes = self._modes.get(self.names[number - 1], ()) if number else ()
        return next((mode for at, mode in modes if at == at_ns), None)
