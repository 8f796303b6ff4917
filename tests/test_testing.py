"""The pytest plugin: what fails is told so that its reader needs nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsofence.testing import assert_conforms, assert_holds, assert_not_violated

from .live.gateways import CLUSTER, TIMESTAMP, Gateway, serving
from .worlds import TINY

pytest_plugins = ["pytester"]

RECORDINGS = Path(__file__).parent / "recordings"


def test_a_test_that_fails_says_why_and_shows_the_steps(pytester: pytest.Pytester) -> None:
    world = pytester.path / "tiny.toml"
    world.write_text(TINY)
    pytester.makepyfile(f"""
        from tsofence.testing import assert_conforms, assert_holds, assert_not_violated

        RECORDING = {str(RECORDINGS / "upgrade-unfenced")!r}

        def test_fence():
            assert_holds({str(world)!r}, "single-writer", fence="off")

        def test_conforms():
            assert_conforms(RECORDING, fence="check-tso-primary", property="session")

        def test_duplicates():
            assert_not_violated(RECORDING, fence="off", property=["unique", "session"])
    """)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error")
    done.assert_outcomes(failed=3)
    told = done.stdout.str()
    done.stdout.fnmatch_lines(
        [
            "E * AssertionError: single-writer under off: violated in * steps",
            "E * # *time *pd1 PD *tso1 TSO server *etcd keys*",
            "E *Breaks single-writer*",
            "E * AssertionError: *upgrade-unfenced does not conform",
            "E * check-tso-primary: *etcd-recv.jsonl.gz:11: nothing explains a save of a window to *",
            "E * AssertionError: *upgrade-unfenced:",
            "E * unique: violated",
            "E * times",
            "E * got (*",
        ]
    )
    assert "commands.py" not in told, "no line of ours stands in between"
    assert "'verdict'" not in told, "no dict"


def test_what_holds_and_conforms_passes(tmp_path: Path) -> None:
    world = tmp_path / "tiny.toml"
    world.write_text(TINY)
    assert_holds(world, "single-writer", fence="check-tso-primary")
    assert_conforms(RECORDINGS / "upgrade-unfenced", fence="off", property="session")
    assert_not_violated(RECORDINGS / "upgrade-unfenced", fence="off", property="session")


def test_neither_vacuous_nor_unknown_is_enough(tmp_path: Path) -> None:
    world = tmp_path / "tiny.toml"
    world.write_text(TINY)
    with pytest.raises(AssertionError, match="two-of-a-kind under off: vacuous"):
        assert_holds(world, "two-of-a-kind", fence="off")
    with pytest.raises(AssertionError, match="single-writer under check-tso-primary: unknown: more than 10 "):
        assert_holds(world, "single-writer", fence="check-tso-primary", max_states=10)
    nothing = tmp_path / "calls.csv"
    nothing.write_text("physical,logical\n1700000000000,1\n1700000000000,2\n")
    with pytest.raises(AssertionError, match="does not conform\noff: "):
        assert_conforms(nothing, fence="off")
    with pytest.raises(ValueError, match="expected a recording, not run files"):
        assert_conforms(Path(__file__).parent / "runs" / "rolling-upgrade.off.unique.json", fence="off")


def test_a_cluster_is_recorded_while_a_test_runs(pytester: pytest.Pytester) -> None:
    etcd = Gateway()
    etcd.write("/pd/cluster_id", CLUSTER.to_bytes(8, "big"))
    pytester.makepyfile(f"""
        import pytest

        def test_recorded(tsofence_record):
            recording = tsofence_record({etcd.url!r})
            folder = recording.stop()
            assert list(folder.rglob("etcd.jsonl"))

        def test_forgotten(tsofence_record):
            tsofence_record({etcd.url!r})

        def test_nobody_there(tsofence_record):
            with pytest.raises(ValueError, match="expected an answer of etcd's JSON gateway"):
                tsofence_record("http://127.0.0.1:1")
    """)
    with serving(etcd):
        etcd.write(TIMESTAMP, bytes(8))
        done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error")
    done.assert_outcomes(passed=3)
