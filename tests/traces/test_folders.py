"""Folders with run files: what stands beside them is no reason to read none of them."""

import shutil
from pathlib import Path

import pytest

from tsofence import cli
from tsofence.traces.runs import folders
from tsofence.traces.runs.folders import all_runs
from tsofence.traces.sources.observation import BadInput

RUNS = Path(__file__).parents[1] / "runs"
RECORDING = Path(__file__).parents[1] / "recordings" / "pr-intervals-differ"
RUN = "rolling-upgrade.off.unique.json"


def test_runs_below_a_folder_and_what_stands_beside_them() -> None:
    found = all_runs([RUNS])
    assert RUNS / "lassos" / "mixed-upgrade.check-tso-primary.takeover.json" in found.files
    assert {file.suffix for file in found.files} == {".json"}
    assert {file.suffix for file in found.beside} == {".txt"}


def test_with_a_recording_they_are_no_runs(tmp_path: Path) -> None:
    shutil.copy(RUNS / RUN, tmp_path)
    assert all_runs([tmp_path]).files
    shutil.copy(RECORDING / "etcd.jsonl.gz", tmp_path)
    assert not all_runs([tmp_path]).files
    assert not all_runs([RUNS / RUN, RECORDING]).files


@pytest.mark.parametrize("form", ["html", "svg", "perfetto"])
def test_a_page_of_a_recording_is_not_made_of_runs(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["replay", str(RUNS), "--to", form])
    assert ended.value.code == 2
    assert "show RUN.json --to html shows a run" in capsys.readouterr().err


def test_a_folder_of_runs_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(RUNS / RUN, tmp_path)
    shutil.copy(RUNS / "rolling-upgrade.check-tso-primary.real-time.txt", tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.main(["replay", str(tmp_path)])
    assert ended.value.code == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "neither runs nor recordings: rolling-upgrade.check-tso-primary.real-time.txt" in told


def test_of_so_many_files_none_is_left_out_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_MANY", 6)
    with pytest.raises(BadInput, match="fewer than 6 files below it; name the runs"):
        all_runs([RUNS])
