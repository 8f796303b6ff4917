"""The command line is a contract: JSON keys, exit statuses, one line for every mistake."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from tsofence import __version__
from tsofence.cli import COMMANDS, main
from tsofence.model.builds import known as builds
from tsofence.model.language.instance import REDUCTIONS
from tsofence.specs import properties, scenario

from .documents import read_document
from .refused import refused
from .worlds import TINY

TSOFENCE = Path(sys.executable).with_name("tsofence")
RECORDINGS = Path(__file__).parent / "recordings"
RUNS = Path(__file__).parent / "runs"
TINY_FILE = "tiny.toml"


def call(*args: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TSOFENCE, *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "80", **env},
    )


def told(*args: str | Path) -> tuple[int, dict[str, Any]]:
    done = call(*args, "--json", "-", "--quiet")
    assert done.stderr == ""
    found: dict[str, Any] = read_document(done.stdout)
    assert found["version"] == __version__
    return done.returncode, found


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def test_version() -> None:
    assert call("--version").stdout == f"tsofence, version {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says(name: str) -> None:
    """It is written down, so that nothing has to be imported for it."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str(limit=100) == COMMANDS[name]


def test_every_command_is_there() -> None:
    modules = (Path(__file__).parents[1] / "commands").glob("[a-z]*.py")
    assert sorted(COMMANDS) == sorted(path.stem for path in modules)
    assert main.get_command(click.Context(main), "taking") is None


@pytest.mark.parametrize(
    ("args", "slow"),
    [
        (["--help"], "jinja2 lark llvmlite networkx numpy textual z3"),
        (["list"], "jinja2 llvmlite networkx numpy textual z3"),
        (["show", "--help"], "llvmlite networkx textual z3"),
        (["explore", "--help"], "jinja2 llvmlite networkx textual z3"),
    ],
)
def test_nobody_waits_for_what_a_command_does_not_need(args: list[str], slow: str) -> None:
    program = (
        "import sys\nfrom tsofence.cli import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, *args], capture_output=True, text=True, check=True)
    assert set(slow.split()).isdisjoint(done.stdout.splitlines()[-1].split())


def test_explore(tiny: Path, tmp_path: Path) -> None:
    status, found = told(
        "explore", "--scenario", tiny, "--fence", "check-tso-primary", "--runs", tmp_path / "runs"
    )
    assert status == 1
    assert (found["command"], found["scenario"]) == ("explore", "tiny")
    (result,) = found["results"]
    assert result["fence"] == "check-tso-primary"
    assert result["complete"] is True
    assert result["cut_by"] == []
    assert result["states"] > 10_000
    assert result["transitions"] > result["states"]
    assert "restart@pd" in result["never_fired"]
    verdicts = {prop["property"]: prop["verdict"] for prop in result["properties"]}
    assert verdicts == dict.fromkeys(properties.NAMES, "holds") | {
        "real-time": "violated",
        "one-live": "violated",
        "two-of-a-kind": "vacuous",  # there is one of each
    }
    steps = {prop["property"]: prop["steps"] for prop in result["properties"]}
    assert (steps["real-time"], steps["one-live"], steps["unique"]) == (15, 14, None)
    runs = {prop["property"]: prop["run"] for prop in result["properties"]}
    assert runs["unique"] is None
    shown = call("show", runs["real-time"])
    assert shown.returncode == 0
    assert "Breaks real-time" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80

    status, again = told("replay", runs["real-time"], "--fence", "check-tso-primary", "--fence", "save-cas")
    assert status == 1
    assert [fence["conforms"] for fence in again["fences"]] == [True, False]
    assert {p["property"] for p in again["properties"] if p["verdict"] == "violated"} >= {"real-time"}
    status, both = told("replay", tmp_path / "runs", "--property", "unique")
    assert status == 0
    assert len(both["sources"]) == len([run for run in runs.values() if run]) == 2
    assert {p["property"] for p in both["properties"]} == {"unique"}

    assert [each["name"] for each in result["reductions"]] == [*REDUCTIONS]
    assert all(each["proved"] for each in result["reductions"])
    assert "find_own_key@tso" in result["merged"]
    status, found = told(
        *("explore", "--scenario", tiny, "--fence", "check-tso-primary"),
        *(word for name in REDUCTIONS for word in ("--without", name)),
    )
    (every,) = found["results"]
    (passing,) = every["reductions"]
    assert (passing["name"], passing["note"], every["merged"]) == ("folding", "only as time passes", [])
    assert every["states"] > 4 * result["states"]
    assert {prop["property"]: (prop["verdict"], prop["steps"]) for prop in every["properties"]} == {
        prop["property"]: (prop["verdict"], prop["steps"]) for prop in result["properties"]
    }


def test_tables_go_to_stdout_unless_a_document_does(tmp_path: Path) -> None:
    """Progress has stderr; what is a document on stdout is alone there, and tables then go to stderr."""
    run = min(RUNS.glob("*.json"))
    plain = call("replay", run)
    assert (plain.returncode, plain.stderr) == (1, "")
    assert "violated" in plain.stdout
    assert max(map(len, plain.stdout.splitlines())) <= 80
    both = call("replay", run, "--json", "-")
    assert read_document(both.stdout)["command"] == "replay"
    assert both.stderr == plain.stdout
    beside = call("replay", run, "--json", tmp_path / "result.json")
    assert (beside.stdout, beside.stderr) == (plain.stdout, "")
    drawn = call("replay", RECORDINGS / "master-transfer-small", "--to", "csv", "--property", "unique")
    assert drawn.stdout.startswith("property,")
    assert "unique" in drawn.stderr


def test_explore_that_is_cut_is_unknown(tiny: Path) -> None:
    status, found = told(
        "explore", "--scenario", tiny, "--fence", "save-cas", "--property", "unique", "--max-states", "5000"
    )
    assert status == 3
    assert found["results"][0]["complete"] is False
    assert "--max-states" in found["results"][0]["cut_by"][0]
    assert found["results"][0]["properties"][0]["verdict"] == "unknown"


def test_prove() -> None:
    assumed = ["first-primary-stays", "service-mode-only", "no-client-syncs", "no-stale-deletes"]
    asked = [word for name in assumed for word in ("--assume", name)]
    status, found = told("prove", "--fence", "check-tso-primary", "--property", "unique", *asked)
    assert status == 0
    (result,) = found["results"]
    assert (result["verdict"], result["nodes"], result["counterexample"]) == ("proved", "any", None)
    assert result["assumptions"] == assumed
    assert {
        "transition",
        "lemma",
        "result",
        "guards_used",
        "guards_undecided",
        "solver",
        "seconds",
    } == set(result["obligations"][0])
    assert [each["formula"] for each in result["constraints"]] == [
        "0 < unit",
        "unit ≤ guard",
        "2·guard ≤ window",
    ]
    assert any(
        o["transition"] == "grant" and o["lemma"] == "property" and o["guards_used"]
        for o in result["obligations"]
    )


def test_prove_shows_a_run_where_it_fails(tmp_path: Path) -> None:
    status, found = told("prove", "--fence", "off", "--property", "single-writer", "--runs", tmp_path)
    assert status == 1
    (result,) = found["results"]
    assert result["verdict"] == "violated"
    assert result["counterexample"]["reachable"] is True
    assert "Breaks single-writer" in call("show", result["run"]).stdout


def test_replay_of_a_recorded_upgrade() -> None:
    status, found = told("replay", RECORDINGS / "upgrade-fenced", "--property", "real-time")
    assert status == 1
    assert {source["kind"] for source in found["sources"]} >= {"PD log", "TSO log"}
    (judged,) = found["properties"]
    assert (judged["count"], judged["worst_ms"], len(judged["witness"])) == (647, 1700, 2)
    conforms = {fence["fence"]: fence["conforms"] for fence in found["fences"]}
    assert conforms == {"off": False, "check-tso-primary": True}


def test_replay_fails_when_the_one_fence_named_does_not_explain_it() -> None:
    folder = RECORDINGS / "upgrade-unfenced"
    status, found = told("replay", folder, "--fence", "check-tso-primary", "--property", "key-monotone")
    assert status == 1
    assert found["properties"][0]["verdict"] == "holds"
    (fence,) = found["fences"]
    assert fence["conforms"] is False
    assert fence["stopped_at"]["revision"] == 24
    assert {"transition": "find_no_primary", "server": "pd1", "guard": "no TSO primary"} in fence[
        "refused_by"
    ]
    assert told("replay", folder, "--fence", "off", "--property", "key-monotone")[0] == 0


def test_settings_can_be_given_where_the_trace_does_not_tell(tmp_path: Path) -> None:
    """A watch that was cut after its first saves says nothing of the save interval."""
    lines = gzip.decompress((RECORDINGS / "upgrade-fenced" / "etcd.jsonl.gz").read_bytes()).splitlines()
    watch = tmp_path / "watch.jsonl"
    watch.write_bytes(b"\n".join(lines[:6]))
    only = ("--property", "key-monotone")
    done = call("replay", watch, *only, "--save-interval", "3s", "--update-interval", "50ms", "--lease", "3")
    assert done.returncode == 0
    assert "save interval 3 s, update interval 0.05 s, lease 3 s (given)" in done.stdout


@pytest.mark.parametrize("form", ["text", "mermaid", "html", "json"])
def test_show(form: str, tmp_path: Path) -> None:
    run = min(RUNS.glob("*.json"))
    printed = call("show", run, "--to", form)
    assert printed.returncode == 0
    target = tmp_path / "out"
    assert call("show", run, "--to", form, "-o", target).returncode == 0
    shown, _, following = printed.stdout.partition("\nNext:")
    assert target.read_text().strip() == shown.strip()
    page = "".join(following.partition("#")[0].split()).replace(
        "\\", ""
    )  # broken as a shell takes it, at any width
    assert page == (f"tsofenceshow{run}--tohtml-orun.html" if form == "text" else "")


@pytest.mark.parametrize("what", ["scenarios", "builds", "fences", "properties", "transitions"])
def test_list(what: str) -> None:
    done = call("list", what)
    assert done.returncode == 0
    there = {"scenarios": scenario.names(), "properties": properties.NAMES, "builds": builds.SHIPPED}
    for name in there.get(what, ()):
        assert name in done.stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["explore", "--fence", "walls"], "unknown fence 'walls'; choose from off, "),
        (["explore", "--fence", "off+save-cas"], "fence off means no fence"),
        (["explore", "--build", "release-9"], "unknown build 'release-9'; did you mean release-"),
        (["prove", "--build", "release-6.5", "--fence", "hook"], "release-6.5 and hook exclude each other"),
        (["explore", "--fence", "hook+check-tso-primary"], "exclude each other"),
        (["explore", "--property", "luck"], "unknown property 'luck'; choose from key-monotone"),
        (["explore", "--scenario", "nowhere"], "unknown scenario 'nowhere'; choose from rolling-upgrade"),
        (["explore", "--scenario", "missing.toml"], "missing.toml: cannot be read"),
        (["explore", "--all-fences", "--fence", "off"], "leave out --fence"),
        (["explore", "--max-states", "0"], "--max-states"),
        (["explore", "--json", "no-such-folder/x.json"], "make the folder first"),
        (["explore", "--property", "livelock"], "no-livelock"),
        (
            ["replay", str(RECORDINGS / "pd-failover"), "--property", "takeover"],
            "only a run file can be asked for that",
        ),
        (["explore", "--without", "sense"], "symmetry"),
        (["explore", "--runs", str(Path(__file__))], "test_cli.py"),
        (["prove", "--nodes", "many"], "expected any, or a number"),
        (["prove", "--assume", "luck"], "unknown assumption 'luck'"),
        (["replay", "missing-folder"], "missing-folder"),
        (["replay", str(Path(__file__)), "--save-interval", "soon"], "such as 3s or 50ms, got 'soon'"),
        (["replay", str(Path(__file__))], "test_cli.py"),
        (["show", "missing.json"], "missing.json"),
        (["show", str(Path(__file__))], "test_cli.py"),
        (["list", "colours"], "colours"),
        (["fly"], "fly"),
    ],
)
def test_mistakes_end_in_one_line(args: list[str], says: str) -> None:
    assert says in refused(*args)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[servers\n", "not TOML: "),
        ("[servers]\npd = 1\n", "servers.tso is missing"),
        (TINY.replace("pd = 1", "pd = -1"), "servers.pd: expected a whole number from 0 to 4, got -1"),
        (TINY.replace("window = 3", "window = 'wide'"), "time.window: expected a whole number"),
        (TINY.replace("window = 3", "window = 3\nspeed = 1"), "unknown key time.speed"),
        (TINY + "\n[luck]\n", "unknown 'luck'"),
        (TINY.replace("limit = 2", "limit = 2\ncounts = [2]"), "clients.limit: expected more than"),
        (TINY.replace("limit = 2", "limit = 2\ncounts = []"), "clients.counts: expected a list"),
        (TINY.replace("[faults.pd]", "[faults.cat]"), "unknown 'faults.cat'"),
        ("servers = 3", "unknown 'servers'"),
        (TINY.replace("pd = 1", "pd = 4").replace("tso = 1", "tso = 4"), "expected 1 to 6 in all"),
    ],
)
def test_mistakes_in_a_scenario(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    line = refused("explore", "--scenario", path)
    assert "mine.toml: " in line
    assert says in line


def test_shell_completion() -> None:
    done = call(
        _TSOFENCE_COMPLETE="bash_complete", COMP_WORDS="tsofence explore --fence save", COMP_CWORD="3"
    )
    assert "save-cas" in done.stdout
    for what, one in (("scenario", "rolling-upgrade"), ("schema", "explore")):
        words = f"tsofence list {what} {one[:2]}"
        listed = call(_TSOFENCE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD="3").stdout.split()
        assert [each.partition(",")[2] for each in listed] == [one]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_be_told_how_to_complete(shell: str) -> None:
    """As docs/how-to.md says."""
    told = call(_TSOFENCE_COMPLETE=f"{shell}_source")
    assert (told.returncode, told.stderr) == (0, "")
    assert f"_TSOFENCE_COMPLETE={shell}_complete" in told.stdout


@pytest.mark.parametrize(
    ("args", "next_command"),
    [
        (
            ["replay", "--property", "unique", "--lease=3", RECORDINGS / "upgrade-unfenced", "--details"],
            ["replay", RECORDINGS / "upgrade-unfenced", "--property", "unique", "--lease", "3"],
        ),
        (
            ["explore", "--fence", "off", "--property", "one-live", "--property", "takeover"],
            ["explore", "--scenario", TINY_FILE, "--property", "one-live", "--property", "takeover"],
        ),
        (
            ["explore", "--fence", "save-cas", "--property", "unique", "--property", "takeover"],
            ["prove", "--fence", "save-cas", "--property", "unique"],
        ),
    ],
    ids=["replay", "violated", "holds"],
)
def test_what_is_next_asks_for_the_same(
    args: list[str | Path], next_command: list[str | Path], tiny: Path
) -> None:
    """Else what is copied would judge something else."""
    given = [*args, "--scenario", tiny] if args[0] == "explore" else args
    told = call(*given, COLUMNS="1000").stdout
    expected = " ".join(str(tiny if word == TINY_FILE else word) for word in next_command)
    assert f"\n  tsofence {expected} " in told.partition("\nNext:")[2].replace("  #", " #")
