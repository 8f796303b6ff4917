"""Servers with certificates of the tests' own: who is let in, and who is told why not."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from tsofence import cli
from tsofence.traces.live.gateway import Access

from .gateways import CLUSTER, TIMESTAMP, Gateway, serving
from .recording import Recording, revisions

REFUSED = (
    "expected an answer of etcd's JSON gateway; check that PD runs there, and --cacert, --cert and --key"
)


class Authority:
    """A CA, and files with what it has signed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.ca = trustme.CA()
        self.cacert = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.cacert))

    def client(self) -> tuple[Path, Path]:
        """A certificate, and its key."""
        of = self.ca.issue_cert("client@tests.example")
        cert, key = (self._folder / name for name in ("client.pem", "client-key.pem"))
        of.cert_chain_pems[0].write_to_path(str(cert))
        of.private_key_pem.write_to_path(str(key))
        return cert, key

    def server(self, name: str = "127.0.0.1", *, asks: bool = False) -> ssl.SSLContext:
        """How a server of that name speaks; ``asks``: only to clients of the same CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(name).configure_cert(context)
        if asks:
            self.ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "other")


def etcd(tls: ssl.SSLContext) -> Gateway:
    made = Gateway(tls=tls)
    made.write("/pd/cluster_id", CLUSTER.to_bytes(8, "big"))
    return made


@pytest.mark.parametrize("asks", [False, True])
def test_a_recording_over_tls(asks: bool, ours: Authority, tmp_path: Path) -> None:
    server = etcd(ours.server(asks=asks))
    cert, key = ours.client() if asks else (None, None)
    recording = Recording(tmp_path / "etcd.jsonl")
    with serving(server):
        recording.of(
            server.url,
            during=lambda _: server.write(TIMESTAMP, bytes(8)),
            access=Access(ours.cacert, cert, key),
        )
    assert revisions(recording.trace()) == [3]


def refused(server: Gateway, folder: Path, capsys: pytest.CaptureFixture[str], *more: str | Path) -> str:
    """What the command says that nothing can be recorded."""
    with serving(server), pytest.raises(SystemExit) as ended:
        cli.main(["record", "--pd", server.url, "-o", str(folder / "recorded"), *map(str, more)])
    (line,) = capsys.readouterr().err.splitlines()
    assert (ended.value.code, (folder / "recorded").exists()) == (2, False)
    return line


def test_a_server_that_nobody_vouches_for(
    ours: Authority, other: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more in ((), ("--cacert", other.cacert)):
        line = refused(etcd(ours.server()), tmp_path, capsys, *more)
        assert REFUSED in line
        assert "certificate verify failed" in line


def test_a_server_of_another_name(
    ours: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(etcd(ours.server("elsewhere.example")), tmp_path, capsys, "--cacert", ours.cacert)
    assert REFUSED in line
    assert "127.0.0.1" in line


def test_a_server_that_asks_who_is_there(
    ours: Authority, other: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cert, key = other.client()
    for more in ((), ("--cert", cert, "--key", key)):
        line = refused(etcd(ours.server(asks=True)), tmp_path, capsys, "--cacert", ours.cacert, *more)
        assert REFUSED in line


def test_a_key_of_another_certificate(
    ours: Authority, other: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--cacert", ours.cacert, "--cert", ours.client()[0], "--key", other.client()[1])
    line = refused(etcd(ours.server(asks=True)), tmp_path, capsys, *more)
    assert "expected a certificate and its key (PEM, without a password)" in line


def test_plain_where_tls_is_spoken_and_the_other_way(
    ours: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = etcd(ours.server())
    server.url = server.url.replace("https", "http")
    assert REFUSED in refused(server, tmp_path, capsys)
    plain = Gateway()
    plain.url = plain.url.replace("http", "https")
    assert REFUSED in refused(plain, tmp_path, capsys)
