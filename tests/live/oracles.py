"""A server that hands out timestamps over gRPC; how, is the test's to say."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

import grpc

from tsofence.traces.live.tso import MESSAGES, METHODS

PHYSICAL = time.time_ns() // 10**6


class Oracle:
    """Timestamps from `PHYSICAL` on, one for each call; ``credentials``: how it is encrypted, if it is."""

    def __init__(self, credentials: Any = None) -> None:
        #: what it does instead: refuses, says so in its answer, answers nothing, or never
        self.does = "answers"
        self.calls: list[tuple[str, int, int]] = []
        self.over = threading.Event()
        self._next = count(1)
        self.server = grpc.server(ThreadPoolExecutor(8))
        self.server.add_generic_rpc_handlers((_Handlers(self),))
        if credentials is None:
            self.url = f"http://127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        else:
            self.url = f"https://127.0.0.1:{self.server.add_secure_port('127.0.0.1:0', credentials)}"

    def answer(self, method: str, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        for request in requests:
            self.calls.append((method, request.header.cluster_id, request.count))
            header: dict[str, Any] = {"cluster_id": request.header.cluster_id}
            if self.does == "refuses":
                context.abort(grpc.StatusCode.UNAVAILABLE, "not leader")
            elif self.does == "is silent":
                self.over.wait()
            elif self.does == "ends":
                return
            elif self.does == "says so":
                header["error"] = {"type": 1, "message": "mismatch cluster id"}
            stamp = {"physical": PHYSICAL, "logical": next(self._next)}
            yield MESSAGES["TsoResponse"](header=header, count=request.count, timestamp=stamp)


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle

    def service(self, handler_call_details: Any) -> Any:
        method = handler_call_details.method
        if method not in METHODS.values():
            return None
        return grpc.stream_stream_rpc_method_handler(
            lambda requests, context: self._oracle.answer(method, requests, context),
            request_deserializer=MESSAGES["TsoRequest"].FromString,
            response_serializer=MESSAGES["TsoResponse"].SerializeToString,
        )


@contextmanager
def granting(*oracles: Oracle) -> Iterator[None]:
    """As long as the ``with`` lasts, they answer."""
    for each in oracles:
        each.server.start()
    try:
        yield
    finally:
        for each in oracles:
            each.over.set()
            each.server.stop(None).wait()
