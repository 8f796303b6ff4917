"""Which servers a trace tells of, under which numbers the model knows them, and where clients find them."""

from __future__ import annotations

from ..model.transition import Kind as ServerKind
from .observation import Key, Refusal, Service
from .sources import Trace

UNNAMED_PD, UNNAMED_TSO = "a PD that nothing names", "a TSO server that nothing names"


class Servers:
    """PDs by name and TSO servers by URL, numbered from 1, PDs first.

    The model needs a PD, for etcd lives in one, and a TSO server where a primary key or a refusal by the
    fence tells of one; where nothing names them, `UNNAMED_PD` and `UNNAMED_TSO` stand for them. A log whose
    server is known only from the file's name is not attributed to anybody, unless nothing else names servers.

    """

    def __init__(self, trace: Trace) -> None:
        pds: dict[str, None] = {}
        tsos: dict[str, None] = {}
        self._endpoints: dict[str, str] = {}
        for event in trace.keys:
            if event.server and event.key in (Key.LEADER, Key.PRIMARY):
                (pds if event.key is Key.LEADER else tsos)[event.server] = None
                self._endpoints[event.url or event.server] = event.server
        for start in trace.starts:
            if start.server and start.service is not Service.UNKNOWN:
                (pds if start.service is Service.PD else tsos)[start.server] = None
                self._endpoints |= dict.fromkeys(start.urls, start.server)
        if not pds and not tsos:
            for line in trace.logs:
                if line.service is not Service.UNKNOWN:
                    (pds if line.service is Service.PD else tsos)[line.server] = None
        if not pds:
            pds[UNNAMED_PD] = None
        told = any(event.key is Key.PRIMARY for event in trace.keys)
        if not tsos and (told or any(line.refusal is Refusal.FENCE for line in trace.logs)):
            tsos[UNNAMED_TSO] = None
        self.names = (*pds, *tsos)
        self.kinds = (ServerKind.PD,) * len(pds) + (ServerKind.TSO,) * len(tsos)
        self._numbers = {name: number for number, name in enumerate(self.names, 1)}
        self._api_mode: dict[int, list[tuple[int, bool]]] = {}
        for start in trace.starts:
            self._api_mode.setdefault(self.number(start.server), []).append(
                (start.at_ns, bool(start.api_mode))
            )

    def number(self, name: str | None) -> int:
        """The server of that name, 0 if there is none."""
        return self._numbers.get(name or "", 0)

    def at(self, kind: str, endpoint: str) -> int:
        """The server that a client of that kind asks at an endpoint, 0 if that is not known."""
        return self.number(self._endpoints.get(endpoint, endpoint)) if kind in ("pd", "tso") else 0

    def in_api_mode(self, number: int, at_ns: int) -> bool:
        """Whether the last start of a server before that time was in API mode, as far as logs tell."""
        starts = self._api_mode.get(number, ())
        return next((mode for at, mode in reversed(starts) if at <= at_ns), False)
