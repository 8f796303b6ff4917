"""What a watch found, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from ..sources.observation import BadInput

#: as numbers: what an alert asks for is `tsofence_verdict > 1`
VERDICTS = {"holds": 0, "vacuous": 0, "unknown": 1, "violated": 2}


class Metrics:
    """Counters and gauges, served over HTTP as long as the ``with`` lasts.

    Raises:
        BadInput: the port is taken, or may not be used.
    """

    def __init__(self, address: str, port: int) -> None:
        registry = CollectorRegistry()
        self.revision = Gauge("tsofence_revision", "The revision of etcd judged up to.", registry=registry)
        self.events = Gauge("tsofence_events", "Events of etcd recorded.", registry=registry)
        self.gaps = Gauge("tsofence_gaps", "Gaps in the recording.", registry=registry)
        self.heard = Gauge("tsofence_heard_seconds", "When etcd answered last, Unix time.", registry=registry)
        self.judged = Gauge("tsofence_judged_seconds", "When was judged last, Unix time.", registry=registry)
        self.verdict = Gauge(
            "tsofence_verdict",
            "The verdict on the last part: 0 holds or vacuous, 1 unknown, 2 violated.",
            ["property"],
            registry=registry,
        )
        self.violations = Counter("tsofence_violations", "Violations found.", ["property"], registry=registry)
        try:
            self._server, self._thread = start_http_server(port, address, registry)
        except (OSError, OverflowError) as error:
            expected, do = "a port that is free", f"give another to --metrics ({error})"
            raise BadInput(f"{address}:{port}", None, expected, do) from None

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
