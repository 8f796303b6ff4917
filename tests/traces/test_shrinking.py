"""The part of a recording that still shows a violation is a recording, and is judged as the whole was."""

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tsofence.cli import main
from tsofence.commands.replay import _options
from tsofence.traces.explain import replay as replaying
from tsofence.traces.explain import shrinking
from tsofence.traces.explain.shrinking import Shrunk, shrink
from tsofence.traces.judge.exact import judge
from tsofence.traces.sources.observation import Call
from tsofence.traces.sources.reading import read
from tsofence.traces.tell.replayed import shrunk_text

from ..amount import ALL

RECORDINGS = Path(__file__).parents[1] / "recordings"
UNFENCED = RECORDINGS / "upgrade-unfenced"


def anywhere(seen: Any) -> Any:
    """An observation, wherever it is written."""
    assert isinstance(seen, Call)
    return replace(seen, file="", line=0)


def violated() -> list[tuple[str, str]]:
    """What is violated by calls and writes alone: for that no explanation is searched."""
    return [
        ("pr-client-sync-small", "unique"),
        ("pr-client-sync-small", "real-time"),
        ("pr-intervals-differ", "real-time"),
        ("pr-slow-load-small", "unique"),
        ("pr-slow-load-small", "real-time"),
        ("upgrade-unfenced", "unique"),
        ("upgrade-unfenced", "real-time"),
        ("upgrade-fenced", "real-time"),
        ("upgrade-fenced", "availability"),
        ("upgrade-fenced-debug", "real-time"),
        ("upgrade-fenced-flap", "real-time"),
        ("upgrade-fenced-mixed", "real-time"),
    ]


@pytest.mark.parametrize(("name", "prop"), violated())
def test_what_is_left_is_judged_the_same(name: str, prop: str, tmp_path: Path) -> None:
    paths = sorted((RECORDINGS / name).iterdir())
    (whole,) = judge(read(paths), [prop])
    found = shrink(
        paths, whole, lambda folder: replaying.verdict(read([folder]), prop) == "violated", tmp_path / prop
    )
    assert found is not None
    assert 2 <= found.lines < 40
    (part,) = judge(read([found.folder]), [prop])
    assert part.verdict == whole.verdict == "violated"
    if prop != "availability":  # of an outage a part is left
        assert (part.count, part.worst_ms) == (1, whole.worst_ms)
        assert [*map(anywhere, part.witness or ())] == [*map(anywhere, whole.witness or ())]


@pytest.mark.large
@pytest.mark.parametrize("prop", ["single-writer", *(["one-live"] if ALL else [])])
def test_what_the_model_judges(prop: str, tmp_path: Path) -> None:
    # single-writer needs no calls, and they are read again and again
    left_out = "client-" if prop == "single-writer" else "meta"
    paths = [str(path) for path in sorted(UNFENCED.iterdir()) if not path.name.startswith(left_out)]
    result = CliRunner().invoke(
        main, ["replay", *paths, "--property", prop, "--shrink", str(tmp_path), "--quiet"]
    )
    assert result.exit_code == 1
    part = read([tmp_path / prop])
    # what a grant is answered from was saved before it: the watch is whole from there on
    assert len(part.keys) < (12 if prop == "single-writer" else 20)
    assert replaying.replay(part, properties=[prop]).properties[0].verdict == "violated"


def test_a_part_that_does_not_tell_its_build_says_under_which_it_is_judged() -> None:
    part = Shrunk(Path("d"), 2, 9)
    under = _options(["release-8.5", "master-2026-08"])
    assert under == "--build release-8.5 --build master-2026-08"
    assert str(shrunk_text("one-live", part, under)).endswith(
        f"2 of 9 lines show it, in d; replay it with {under}"
    )


def test_of_a_table_the_headings_stay(tmp_path: Path) -> None:
    rows = [f"{1_800_000_000_000 + at},{at},c{at % 7}" for at in range(50)]
    (tmp_path / "table.csv").write_text("\n".join(["physical,logical,client", *rows, rows[7]]) + "\n")
    command = ["replay", str(tmp_path / "table.csv"), "--property", "unique", "--shrink"]
    result = CliRunner().invoke(main, [*command, str(tmp_path / "part")])
    assert result.exit_code == 1
    assert "unique: 3 of 52 lines show it, in " in result.stdout
    left = (tmp_path / "part" / "unique" / "table.csv").read_text()
    assert left == "\n".join(["physical,logical,client", rows[7], rows[7]]) + "\n"

    again = CliRunner().invoke(main, [*command, str(tmp_path / "part")])
    assert again.exit_code == 2
    assert "expected an empty folder" in again.stderr


def test_of_a_line_only_its_place_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shrinking, "_ROOM", 1 << 16)
    many = 100_000
    (tmp_path / "samples").write_text("".join(f'{{"tso": 1, "client": "{at:0100}"}}\n' for at in range(many)))
    tracemalloc.start()
    with shrinking._Recording([tmp_path], {(str(tmp_path / "samples"), many)}) as recording:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(recording.lines) == many
        assert recording.shown.tolist() == [many - 1]
        recording.write(recording.with_headings, tmp_path / "part")
    lines = (tmp_path / "part" / "samples").read_text().splitlines()
    assert [line[-8:] for line in lines] == ['000000"}', '099999"}']
    assert most < 12 << 20  # the text is 12 MiB, and was some 30 as lines in a table


def test_where_no_part_shows_it(tmp_path: Path) -> None:
    (whole,) = judge(read([UNFENCED]), ["unique"])
    assert shrink([UNFENCED], whole, lambda _: False, tmp_path / "part") is None
    assert not (tmp_path / "part").exists()


def test_tries_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shrinking, "MAX_TRIES", 5)
    (whole,) = judge(read([UNFENCED]), ["unique"])
    found = shrink(
        [UNFENCED], replace(whole, witness=None), lambda folder: any(folder.iterdir()), tmp_path / "part"
    )
    assert found is not None
    assert found.lines > 2
    assert len(read([found.folder]).calls) > 0


def test_files_of_one_name_stay_apart(tmp_path: Path) -> None:
    line = '{"tso": 471859200000000001, "client": "c"}\n'
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "samples").write_text(line.replace('"c"', f'"{name}"'))
    (whole,) = judge(read([tmp_path]), ["unique"])
    found = shrink([tmp_path], whole, lambda _: True, tmp_path / "part")
    assert found is not None
    both = shrink([tmp_path], whole, lambda folder: len(list(folder.iterdir())) == 2, tmp_path / "both")
    assert both is not None
    assert judge(read([both.folder]), ["unique"])[0].verdict == "violated"
