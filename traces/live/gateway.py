"""etcd's JSON gateway, which PD serves on its client URL: four requests, none of which writes.

| request | for |
|---|---|
| `POST /v3/kv/range` | the state at a revision; of a key that nobody has: the revision that etcd is at |
| `POST /v3/watch` | every event from a revision on, for as long as the answer lasts |
| `POST /v3/cluster/member/list` | the members, for a PD is one |
| `POST /v3/auth/authenticate` | a token, where there is a user |

A range is linearizable: it is answered by a majority, and an event above the revision that it tells happened
after it was asked.  Sources: etcd `Documentation/dev-guide/api_grpc_gateway.md`, `rpc.proto`.
"""

from __future__ import annotations

import json
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar
from urllib.parse import urlsplit

import httpx

from ..sources.observation import BadInput

#: how long an endpoint may take to answer, s
ANSWER_S = 5.0
#: no answer, or its end is missing; TLS 1.3 refuses a client while its answer is waited for, and httpx hands
#: that on as it is
UNHEARD = (httpx.TransportError, ssl.SSLError)
Read = TypeVar("Read")
_NO_KEY = b"\0"  # the first of all, which nobody has
_ALL = b64encode(b"\0").decode()  # as the end of a range: everything from the key on
_INVALID, _FORBIDDEN, _OUT_OF_RANGE, _UNAUTHENTICATED = 3, 7, 11, 16  # codes of gRPC


class Unreachable(Exception):
    """No endpoint answers now; which, and why."""


class Compacted(Exception):
    """etcd has forgotten what was asked for; `revision` is the last that it has forgotten."""

    def __init__(self, revision: int) -> None:
        super().__init__(f"compacted up to revision {revision}")
        self.revision = revision


@dataclass(frozen=True, slots=True)
class Access:
    """What a gateway wants to see: certificates (PEM files), or a user."""

    cacert: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    user: str | None = None
    password: str = ""

    def context(self) -> ssl.SSLContext:
        """The settings of TLS.

        Raises:
            BadInput: a file is no certificate or key.
        """
        if self.key is not None and self.cert is None:
            raise BadInput(str(self.key), None, "a certificate for this key", "give --cert as well")
        try:
            context = ssl.create_default_context(cafile=self.cacert)
        except OSError as error:
            _no_file(self.cacert, "certificates of the CA (PEM)", error)
        if self.cert is not None:
            try:
                # without a password it would be asked for on the terminal
                context.load_cert_chain(self.cert, self.key, password=lambda: "")
            except OSError as error:
                _no_file(self.cert, "a certificate and its key (PEM, without a password)", error)
        return context


def _no_file(file: Path | None, expected: str, error: OSError) -> NoReturn:
    why = error.strerror or type(error).__name__
    raise BadInput(str(file), None, expected, f"check --cacert, --cert and --key ({why})") from None


@dataclass(frozen=True, slots=True)
class Pair:
    """A key as etcd's JSON has it: one that a range found, or that an event wrote or deleted."""

    path: str
    value: bytes
    revision: int
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What etcd answered: the header as it stands, its revision, and what was found or what happened."""

    header: dict[str, Any]
    revision: int
    pairs: list[Pair]


class Gateway:
    """The gateways of one cluster: one of them is asked, and where it does not answer, the next."""

    def __init__(self, urls: Sequence[str], access: Access | None = None) -> None:
        self.urls = tuple(dict.fromkeys(address(url) for url in urls))
        self._access = access or Access()
        self._at = 0
        self._token: str | None = None
        self._cluster: tuple[str, str] | None = None
        #: which members have answered at an address: more than one where something stands before them
        self._answered: dict[str, set[str]] = {}
        # proxies of the environment are for other networks than that of a cluster
        self._client = httpx.AsyncClient(
            verify=self._access.context(), timeout=ANSWER_S, trust_env=False, follow_redirects=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    @property
    def url(self) -> str:
        """The endpoint that is asked now."""
        return self.urls[self._at]

    def next(self) -> None:
        """Ask another endpoint from now on."""
        self._at = (self._at + 1) % len(self.urls)

    async def greet(self) -> list[str]:
        """Ask each endpoint once; which do not answer, and why.

        Raises:
            BadInput: none answers, or one not as a member of that cluster does.
        """
        silent = []
        for _ in self.urls:
            try:
                _answer(await self._ask("kv/range", {"key": b64encode(_NO_KEY).decode()}), "kvs")
            except (*UNHEARD, Unreachable) as error:
                silent.append(_at(self.url, error))
            self.next()
        if len(silent) == len(self.urls):
            raise self.unheard("; ".join(silent))
        return silent

    def unheard(self, why: object) -> BadInput:
        """Nothing can be begun, for no endpoint answers."""
        check = f"check that PD runs there, and --cacert, --cert and --key ({why})"
        return BadInput(" ".join(self.urls), None, "an answer of etcd's JSON gateway", check)

    async def revision(self) -> int:
        """The revision that etcd is at, as a majority knows it."""
        return (await self.range(_NO_KEY)).revision

    async def range(self, key: bytes, end: bytes = b"", revision: int = 0) -> Answer:
        """The answer to a range read, at a revision if it is not 0.

        Raises:
            Compacted: that revision is not there any more.
            Unreachable: no endpoint answers.
            BadInput: etcd refuses, or what answers is no etcd, or of another cluster.
        """
        asked: dict[str, Any] = {"key": b64encode(key).decode()}
        asked |= {"range_end": b64encode(end).decode()} if end else {}
        asked |= {"revision": str(revision)} if revision else {}
        return await self._anywhere("kv/range", asked, lambda document: _answer(document, "kvs"))

    async def members(self) -> list[str]:
        """The addresses of members that no address which was given is known to be of, the first one of each.

        Raises:
            Unreachable: no endpoint answers.
            BadInput: as for a range.
        """
        of = await self._anywhere("cluster/member/list", {}, _members)
        known = {next(iter(ids)) for ids in self._answered.values() if len(ids) == 1}
        return [url for member, url in of.items() if member not in known]

    @asynccontextmanager
    async def watch(self, start: int) -> AsyncIterator[AsyncIterator[Answer]]:
        """Every answer of a watch on all keys, from a revision on.

        Raises:
            Unreachable: the endpoint does not answer, or no longer.
            Compacted, BadInput: as for a range, also while answers come.
        """
        created = {"create_request": {"key": _ALL, "range_end": _ALL, "start_revision": str(start)}}
        forever = httpx.Timeout(ANSWER_S, read=None)
        try:
            headers = await self._headers()
            async with self._client.stream(
                "POST", f"{self.url}/v3/watch", json=created, headers=headers, timeout=forever
            ) as answer:
                if answer.status_code != httpx.codes.OK:
                    await answer.aread()
                    raise self._refusal(answer.status_code, _document(answer.text))
                yield self._answers(answer)
        except UNHEARD as error:
            raise Unreachable(_at(self.url, error)) from None

    async def _answers(self, answer: httpx.Response) -> AsyncIterator[Answer]:
        async for line in answer.aiter_lines():
            document = _document(line)
            result = document.get("result")
            if "error" in document:
                raise self._refusal(answer.status_code, document)
            if not isinstance(result, dict):
                raise Unreachable(f"{self.url}: an answer of the watch is cut off")
            self._same_cluster(result)
            if compacted := _integer(result.get("compact_revision", 0)):
                raise Compacted(compacted)
            if result.get("canceled"):
                self._cancelled(str(result.get("cancel_reason", "")))
            yield _answer(result, "events")
        raise Unreachable(f"{self.url}: the watch ended")

    def _cancelled(self, why: str) -> NoReturn:
        """etcd ended a watch, or never began it."""
        if "permission denied" in why:
            raise self._refusal(httpx.codes.FORBIDDEN, {"code": _FORBIDDEN, "message": why})
        if "auth token" in why:
            self._token = None
        raise Unreachable(f"{self.url}: the watch was cancelled ({why or 'no reason given'})")

    async def _anywhere(
        self, path: str, asked: dict[str, Any], read: Callable[[dict[str, Any]], Read]
    ) -> Read:
        """What is read in the answer of one endpoint, whichever gives one."""
        why = []
        for _ in self.urls:
            try:
                return read(await self._ask(path, asked))
            except (*UNHEARD, Unreachable) as error:
                why.append(_at(self.url, error))
                self.next()
        raise Unreachable("; ".join(why))

    async def _ask(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        for again in (False, True):
            headers = await self._headers()
            url = self.url
            answer = await self._client.post(f"{url}/v3/{path}", json=asked, headers=headers)
            document = _document(answer.text)
            if answer.status_code == httpx.codes.OK and isinstance(header := document.get("header"), dict):
                self._same_cluster(document)
                self._answered.setdefault(url, set()).add(str(header.get("member_id")))
                return document
            if _code(document) != _UNAUTHENTICATED or self._access.user is None or again:
                break
            self._token = None  # tokens end, and a member that starts knows none
        raise self._refusal(answer.status_code, document)

    async def _headers(self) -> dict[str, str]:
        """With a token where there is a user."""
        user = self._access.user
        if user is None:
            return {}
        if self._token is None:
            asked = {"name": user, "password": self._access.password}
            answer = await self._client.post(f"{self.url}/v3/auth/authenticate", json=asked)
            document = _document(answer.text)
            token = document.get("token")
            if answer.status_code != httpx.codes.OK or not isinstance(token, str):
                raise self._refusal(answer.status_code, document)
            self._token = token
        return {"Authorization": self._token}

    def _same_cluster(self, answer: dict[str, Any]) -> None:
        header = answer.get("header")
        cluster = str(header.get("cluster_id")) if isinstance(header, dict) else ""
        self._cluster = self._cluster or (cluster, self.url)
        if self._cluster[0] != cluster:
            expected = f"a member of the cluster of {self._cluster[1]}"
            raise BadInput(self.url, None, expected, "give the client URLs of the PDs of one cluster")

    def _refusal(self, status: int, document: dict[str, Any]) -> Exception:
        """Whatever else than an answer came."""
        code, message = _code(document), _message(document)
        if code == _OUT_OF_RANGE and "compacted" in message:
            return Compacted(0)
        if code == _UNAUTHENTICATED and self._access.user is not None:
            self._token = None
            return Unreachable(f"{self.url}: {message or status}")
        nobody = code == _INVALID and ("authentication" in message or "user name" in message)
        if nobody or code in (_FORBIDDEN, _UNAUTHENTICATED):
            return BadInput(
                self.url,
                None,
                "a user who may read all keys",
                f"check --user and its password ({message or status})",
            )
        if status == httpx.codes.NOT_FOUND or (status == httpx.codes.OK and not message):
            return BadInput(
                self.url,
                None,
                "etcd's JSON gateway",
                "give PD's client URL, and check that enable-grpc-gateway is on",
            )
        return Unreachable(f"{self.url}: {message or f'status {status}'}")


def address(text: str) -> str:
    """An address with its scheme, as PD's settings spell it or without.

    Raises:
        BadInput: it is no such address.
    """
    whole = text if "://" in text else f"http://{text}"
    try:
        url = urlsplit(whole)
        wrong = url.scheme not in ("http", "https") or not url.hostname or url.port == 0 or url.query
    except ValueError:
        wrong = True
    if wrong or url.path not in ("", "/"):
        expected = "an address such as http://10.0.1.5:2379"
        raise BadInput(text, None, expected, "give PD's client URL")
    return whole.rstrip("/")


def _answer(document: dict[str, Any], of: str) -> Answer:
    """An answer, with what its list ``of`` has.

    Raises:
        Unreachable: it has not the form of etcd's.
    """
    try:
        header = document["header"]
        pairs = [_pair(each) for each in document.get(of) or []]
        return Answer(header, _integer(header.get("revision", 0)), pairs)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Unreachable("what answers does not answer as etcd does") from None


def _members(document: dict[str, Any]) -> dict[str, str]:
    """The first address of each member that has begun, by its number.

    Raises:
        Unreachable: it has not the form of etcd's.
    """
    try:
        members = document["members"]
        return {str(each["ID"]): str(each["clientURLs"][0]) for each in members if each.get("clientURLs")}
    except (AttributeError, KeyError, TypeError):
        raise Unreachable("what answers does not answer as etcd does") from None


def _pair(document: dict[str, Any]) -> Pair:
    within = document.get("kv", document)
    path = b64decode(within["key"]).decode(errors="replace")
    return Pair(path, b64decode(within.get("value", "")), _integer(within["mod_revision"]), document)


def _integer(number: Any) -> int:
    """An int64, which the gateway writes as a string."""
    return int(number)


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _code(document: dict[str, Any]) -> int:
    """gRPC's code of an error, which stands within `error` in an answer that had begun."""
    within = document.get("error")
    found = (within if isinstance(within, dict) else document).get("grpc_code", document.get("code", 0))
    return found if isinstance(found, int) else 0


def _message(document: dict[str, Any]) -> str:
    within = document.get("error")
    found = within.get("message") if isinstance(within, dict) else within or document.get("message")
    return str(found or "")


def _at(url: str, error: Exception) -> str:
    """What is wrong with an endpoint."""
    reason = str(error) or type(error).__name__
    return reason if reason.startswith(url) else f"{url}: {reason}"
