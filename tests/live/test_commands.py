"""The commands themselves, as people start and stop them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tsofence.traces.sources import reading

from .gateways import CLUSTER, TIMESTAMP, Gateway, serving

TSOFENCE = Path(sys.executable).with_name("tsofence")
NO_TEXT = Path(__file__).parents[1] / "recordings" / "pd-failover" / "etcd.jsonl.gz"


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_what_is_stopped_is_whole(stop: signal.Signals, tmp_path: Path) -> None:
    etcd = Gateway()
    etcd.write("/pd/cluster_id", CLUSTER.to_bytes(8, "big"))
    log = tmp_path / "pd.log"
    log.write_text("a line\nhalf")
    command = [str(TSOFENCE), "record", "--pd", etcd.url, "--log", str(log), "-o", str(tmp_path / "recorded")]
    with serving(etcd):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("recording to ")
        etcd.write(TIMESTAMP, bytes(8))
        process.send_signal(stop)
        told, _ = process.communicate(timeout=600)
    assert process.returncode == 0, told
    assert "1 events of etcd" in told
    (etcd_file,) = (tmp_path / "recorded").rglob("etcd.jsonl")
    assert [event.revision for event in reading.read([etcd_file]).keys] == [3]
    assert (etcd_file.parent / "pd.log").read_text() == "a line\n"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            ["--pd", "http://127.0.0.1:1"],
            "expected an answer of etcd's JSON gateway; check that PD runs there",
        ),
        (["--pd", "nowhere/at/all"], "expected an address such as http://10.0.1.5:2379"),
        (["--pd", "http://127.0.0.1:1", "--user", "root"], "--user and --password-file are given together"),
        (
            ["--pd", "http://127.0.0.1:1", "--user", "root", "--password-file", str(NO_TEXT)],
            "expected a password in UTF-8; check the file",
        ),
        (["--pd", "https://127.0.0.1:1", "--cacert", __file__], "expected certificates of the CA (PEM)"),
    ],
)
def test_mistakes_end_in_one_line_and_leave_nothing(more: list[str], says: str, tmp_path: Path) -> None:
    folder = tmp_path / "recorded"
    done = subprocess.run(
        [TSOFENCE, "record", "-o", folder, *more], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr
    assert not folder.exists()
