"""A gateway that is none: what etcd has, and what becomes of its watches, is the test's to say."""

from __future__ import annotations

import json
import ssl
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CLUSTER = 7
TIMESTAMP = f"/pd/{CLUSTER}/timestamp"


class Gateway:
    """The history of keys, the watches on it, and what is wrong with them.

    `told` is the revision up to which watches tell it, `known` that which reads tell (None: the last);
    `broken`: every answer is an error;
    ``user`` and ``password``: who may read, if not everybody; ``tls``: how it is encrypted, if it is.
    """

    def __init__(self, user: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.changed = threading.Condition()
        self.events: list[dict[str, Any]] = []
        self.compacted = 0
        self.told: int | None = None
        self.known: int | None = None
        self.broken = False
        self.breaks = 0
        self.cluster = "1"
        #: which of the members this is, and the client URLs of all
        self.member = "1"
        self.members: dict[str, list[str]] = {}
        self.watches = 0
        self.asked: list[str] = []
        self.user = user
        self.tokens: set[str] = set()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                if body := self.rfile.read(int(self.headers["Content-Length"])):  # else its client is gone
                    gateway.asked.append(self.path)
                    gateway.answer(self, json.loads(body))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server.server_port}"

    @property
    def revision(self) -> int:
        return 1 + len(self.events)

    def write(self, path: str, value: bytes | None, lease: int = 0) -> None:
        """Put a key, or delete it."""
        with self.changed:
            key, revision = b64encode(path.encode()).decode(), self.revision + 1
            before = [event["kv"] for event in self.events if event["kv"]["key"] == key]
            version = int(before[-1].get("version", 0)) + 1 if before else 1
            kv: dict[str, Any] = {"key": key, "mod_revision": str(revision)}
            if value is None:
                self.events.append({"type": "DELETE", "kv": kv})
            else:
                kv |= {"version": str(version), "value": b64encode(value).decode()}
                kv |= {"lease": str(lease)} if lease else {}
                self.events.append({"kv": kv})
            self.changed.notify_all()

    def change(self, **to: Any) -> None:
        """Set what is wrong."""
        with self.changed:
            for name, value in to.items():
                setattr(self, name, value)
            self.changed.notify_all()

    def cut(self) -> None:
        """End every watch."""
        self.change(breaks=self.breaks + 1)

    def until(self, met: Any) -> None:
        """Wait for something to be so."""
        with self.changed:
            assert self.changed.wait_for(met, timeout=300)

    def answer(self, to: BaseHTTPRequestHandler, asked: dict[str, Any]) -> None:
        header = {"cluster_id": self.cluster, "member_id": self.member}
        header["revision"] = str(self.known or self.revision)
        if self.broken:
            self.send(to, {"error": "etcdserver: no leader", "code": 14}, 503)
        elif to.path == "/v3/auth/authenticate":
            if (asked["name"], asked["password"]) != self.user:
                self.send(to, {"error": "etcdserver: authentication failed", "code": 3}, 400)
                return
            token = f"token{len(self.asked)}"
            self.tokens.add(token)
            self.send(to, {"header": header, "token": token})
        elif self.user is not None and to.headers.get("Authorization") not in self.tokens:
            self.send(to, {"error": "etcdserver: invalid auth token", "code": 16}, 401)
        elif to.path == "/v3/kv/range":
            self.send(to, *self.range(asked, header))
        elif to.path == "/v3/cluster/member/list":
            members = [{"ID": number, "clientURLs": urls} for number, urls in self.members.items()]
            self.send(to, {"header": header, "members": members})
        elif to.path == "/v3/watch":
            self.watch(to, int(asked["create_request"]["start_revision"]), header)
        else:
            self.send(to, {}, 404)

    def range(self, asked: dict[str, Any], header: dict[str, Any]) -> tuple[dict[str, Any], int]:
        at = int(asked.get("revision", self.revision))
        if at < self.compacted:
            return {"error": "etcdserver: mvcc: required revision has been compacted", "code": 11}, 400
        low, high = b64decode(asked["key"]), b64decode(asked.get("range_end", ""))
        held: dict[bytes, dict[str, Any]] = {}
        for event in self.events[: at - 1]:
            key = b64decode(event["kv"]["key"])
            if key == low or low <= key < high:
                held.pop(key, None)
                held |= {} if "type" in event else {key: event["kv"]}
        return {"header": header, "kvs": [*held.values()]}, 200

    def watch(self, to: BaseHTTPRequestHandler, start: int, header: dict[str, Any]) -> None:
        to.send_response(200)
        to.send_header("Transfer-Encoding", "chunked")
        to.end_headers()
        self.chunk(to, {"header": header, "created": True})
        with self.changed:
            self.watches += 1
            breaks = self.breaks
            self.changed.notify_all()
            while True:
                if start <= self.compacted:
                    canceled = {"canceled": True, "compact_revision": str(self.compacted)}
                    self.chunk(to, {"header": {"cluster_id": self.cluster}, **canceled})
                    return
                end = min(self.revision, self.told or self.revision)
                if end >= start:
                    events = self.events[start - 2 : end - 1]
                    self.chunk(to, {"header": {**header, "revision": str(end)}, "events": events})
                    start = end + 1
                while breaks == self.breaks and min(self.revision, self.told or self.revision) < start:
                    self.changed.wait()
                if breaks != self.breaks:
                    to.close_connection = True
                    return

    def chunk(self, to: BaseHTTPRequestHandler, result: dict[str, Any]) -> None:
        line = json.dumps({"result": result}).encode() + b"\n"
        to.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def send(self, to: BaseHTTPRequestHandler, answer: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(answer).encode()
        to.send_response(status)
        to.send_header("Content-Length", str(len(body)))
        to.end_headers()
        to.wfile.write(body)


@contextmanager
def serving(*gateways: Gateway) -> Iterator[None]:
    """As long as the ``with`` lasts, they answer."""
    threads = [threading.Thread(target=each.server.serve_forever, args=(0.01,)) for each in gateways]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for each in gateways:
            each.cut()
            each.server.shutdown()
            each.server.server_close()
        for thread in threads:
            thread.join()
