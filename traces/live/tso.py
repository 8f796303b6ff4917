"""A timestamp asked of a server as its clients do: over gRPC, on a stream of one request.

The messages are few, so they are described here and not generated: those fields of pingcap/kvproto,
`pdpb.proto` and `tsopb.proto`, that are written or read.  They have the same numbers in both.

| message | fields |
|---|---|
| `RequestHeader`, `ResponseHeader` | 1 `cluster_id`; 2 `error` (of an answer: 1 `type`, 2 `message`) |
| `TsoRequest` | 1 `header`, 2 `count` |
| `TsoResponse` | 1 `header`, 2 `count`, 3 `timestamp` (1 `physical`, 2 `logical`: the last of them) |
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from ..sources.observation import BadInput
from .gateway import Access

#: how a stream of timestamps is called, by what kind of server gives them
METHODS = {"pd": "/pdpb.PD/Tso", "tso": "/tsopb.TSO/Tso"}
_OPTIONS = [
    ("grpc.enable_http_proxy", 0),  # as for the gateway
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]
_PORT = {"http": 80, "https": 443}
_Field = descriptor_pb2.FieldDescriptorProto
_FIELDS: dict[str, tuple[tuple[str, int, int | str], ...]] = {
    "Error": (("type", 1, _Field.TYPE_INT32), ("message", 2, _Field.TYPE_STRING)),
    "RequestHeader": (("cluster_id", 1, _Field.TYPE_UINT64),),
    "ResponseHeader": (("cluster_id", 1, _Field.TYPE_UINT64), ("error", 2, "Error")),
    "Timestamp": (("physical", 1, _Field.TYPE_INT64), ("logical", 2, _Field.TYPE_INT64)),
    "TsoRequest": (("header", 1, "RequestHeader"), ("count", 2, _Field.TYPE_UINT32)),
    "TsoResponse": (
        ("header", 1, "ResponseHeader"),
        ("count", 2, _Field.TYPE_UINT32),
        ("timestamp", 3, "Timestamp"),
    ),
}
_PACKAGE = "tsofence"


class Failed(Exception):
    """No timestamp, and why."""


def _messages() -> dict[str, Any]:
    """The classes of the messages."""
    file = descriptor_pb2.FileDescriptorProto(name="tsofence.proto", package=_PACKAGE, syntax="proto3")
    for message, fields in _FIELDS.items():
        made = file.message_type.add(name=message)
        for name, number, of in fields:
            field = made.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
            if isinstance(of, str):
                field.type, field.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{of}"
            else:
                field.type = of
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _FIELDS
    }


MESSAGES = _messages()


def channel(url: str, access: Access) -> Any:
    """A connection to a server, begun when it is needed and again after it broke.

    Raises:
        BadInput: a certificate or key cannot be read.
    """
    address = urlsplit(url if "://" in url else f"http://{url}")
    host = f"[{address.hostname}]" if ":" in (address.hostname or "") else address.hostname
    target = f"{host}:{address.port or _PORT.get(address.scheme, 0)}"
    if address.scheme != "https":
        return grpc.aio.insecure_channel(target, _OPTIONS)
    key = access.key or access.cert  # one file may have both
    files = [None if file is None else _content(file) for file in (access.cacert, key, access.cert)]
    return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(*files), _OPTIONS)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        why = error.strerror or type(error).__name__
        do = f"check --cacert, --cert and --key ({why})"
        raise BadInput(str(file), None, "a certificate or a key (PEM)", do) from None


async def ask(connection: Any, kind: str, cluster: int, within_s: float) -> tuple[int, int]:
    """One timestamp: its physical and its logical part.

    Raises:
        Failed: the server gives none, or none in time.
    """
    method = connection.stream_stream(
        METHODS[kind], MESSAGES["TsoRequest"].SerializeToString, MESSAGES["TsoResponse"].FromString
    )
    request = MESSAGES["TsoRequest"](header={"cluster_id": cluster}, count=1)
    stream = method(timeout=within_s)
    try:
        await stream.write(request)
        answer = await stream.read()
        if answer == grpc.aio.EOF:
            raise Failed(await stream.details() or "the stream ended")
    except (grpc.RpcError, asyncio.InvalidStateError) as error:  # the latter: it failed before it was asked
        code = error.code() if hasattr(error, "code") else None
        raise Failed(f"{code.name if code else 'failed'}: {_why(error)}") from None
    finally:
        stream.cancel()
    if answer.header.error.type or answer.header.error.message:
        raise Failed(answer.header.error.message or f"error {answer.header.error.type}")
    if answer.count != 1:
        raise Failed(f"{answer.count} timestamps for one")
    return answer.timestamp.physical, answer.timestamp.logical


def _why(error: Any) -> str:
    return str(error.details() if hasattr(error, "details") else error)
