"""The commands as functions: data that scripts, notebooks and networkx can use; exceptions, never an exit."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import networkx as nx
import pytest
from click.testing import CliRunner

import tsofence
from tsofence import BadInput, Fence, ScenarioError, explore, library, load_run, load_scenario, prove, replay
from tsofence.cli import main
from tsofence.model.language.expr import NOBODY, either
from tsofence.model.pd import save
from tsofence.model.pd import state as s

from .documents import checked
from .worlds import TINY

ROOT = Path(__file__).parents[1]
RUN = ROOT / "tests" / "runs" / "tso-restart.check-tso-primary.unique.json"
RECORDING = ROOT / "tests" / "recordings" / "upgrade-unfenced"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def by_json(*args: object) -> object:
    """What the command line writes."""
    told = CliRunner().invoke(main, [*map(str, args), "--quiet", "--no-progress", "--json", "-"])
    return untimed(json.loads(told.stdout))


def untimed(found: object) -> object:
    if isinstance(found, dict):
        return {key: untimed(value) for key, value in found.items() if key != "seconds"}
    return [untimed(each) for each in found] if isinstance(found, list) else found


def test_importing_it_is_cheap() -> None:
    """Whoever only wants the version, or has the pytest plugin loaded, pays for nothing else."""
    program = (
        "import sys, tsofence, tsofence.testing\n"
        "heavy = {'numpy', 'networkx', 'z3', 'click', 'rich', 'scipy', 'llvmlite'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
        "assert {'explore', 'Fence'} <= set(dir(tsofence))\n"
        "from tsofence import explore\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd="/")


def test_all_that_is_public_is_there_and_says_what_it_is() -> None:
    assert tsofence.__all__ == library.__all__
    for name in tsofence.__all__:
        assert getattr(tsofence, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tsofence.nothing  # noqa: B018  # looked for


def test_explored(tiny: Path) -> None:
    found = explore(tiny, fence=["off", "check-tso-primary"], property=["single-writer", "key-monotone"])
    asked = ("--fence", "off", "--fence", "check-tso-primary", "--property", "single-writer")
    assert untimed(checked(found.to_dict())) == by_json(
        "explore", "--scenario", tiny, *asked, "--property", "key-monotone"
    )
    assert [(each.system, each.name) for each in found.violated] == [("off", "single-writer")]
    assert not found.holds
    assert found["check-tso-primary"].holds
    assert not found["check-tso-primary"].violated
    (run,) = found.runs
    assert str(found).splitlines()[0] == f"single-writer under off: violated in {len(run)} steps"
    assert (run.breaks, run.fence) == ("single-writer", "off")
    assert "Breaks single-writer" in str(run)
    assert checked(run.to_dict())["steps"][-1]["number"] == len(run)
    with pytest.raises(ValueError, match=r'has its own: result\["off"\]\.graph'):
        _ = found.graph
    with pytest.raises(KeyError, match="only off, check-tso-primary"):
        found["save-cas"]


def test_a_notebook_shows_it_and_obeys_nothing_in_it(tiny: Path, tmp_path: Path) -> None:
    found = explore(tiny, fence="off", property="single-writer")
    assert "<td style=" in found._repr_html_()
    assert "violated in" in found._repr_html_()
    page = found.runs[0]._repr_html_()
    assert page.startswith('<iframe srcdoc="')
    assert 'sandbox="allow-scripts"' in page
    assert page.count("<") == 2, "nothing of the page stands outside"
    document = json.loads(RUN.read_text())
    hostile = tmp_path / "run.json"
    hostile.write_text(json.dumps({**document, "title": "<script>1</script>"}))
    told = replay(hostile)
    assert "<script" not in told._repr_html_() + load_run(hostile)._repr_html_()


def test_runs_are_written_and_read(tmp_path: Path) -> None:
    run = load_run(RUN)
    run.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == RUN.read_text()
    assert load_run(tmp_path / "again.json") == run
    assert "<!doctype html>" in run.html().lower()
    judged = replay(RUN)
    assert isinstance(judged, tsofence.Rerun)
    assert untimed(checked(judged.to_dict())) == by_json("replay", RUN)
    assert "unique" in {each.name for each in judged.violated}


def test_proved() -> None:
    found = prove(fence="save-cas", property="key-monotone")
    assert found.holds
    assert untimed(checked(found.to_dict())) == by_json(
        "prove", "--fence", "save-cas", "--property", "key-monotone"
    )
    assert str(found) == "key-monotone under save-cas: proved"


def test_replayed() -> None:
    found = replay(RECORDING, property=["unique", "session"])
    assert isinstance(found, tsofence.Replayed)
    asked = ("--property", "unique", "--property", "session")
    assert untimed(checked(found.to_dict())) == by_json("replay", RECORDING, *asked)
    assert found.conforms["off"]
    assert found.conforms["check-tso-primary"] is False
    assert "nothing explains a save of a window" in found.why("check-tso-primary")
    assert found.why("off") == ""
    assert [each.name for each in found.violated] == ["unique"]
    how_often, earlier, _ = found.shown("unique")
    assert how_often.endswith(" times")
    assert " got (" in earlier
    assert found.shown("session") == ()
    assert "does not conform" in found._repr_html_()
    assert found.because[0].startswith(f"{how_often.split()[0]} pairs of calls got the same timestamp")
    assert "nothing is checked again before its next save" in " ".join(found.because)
    assert found.to_dict()["because"] == [*found.because]
    held = replay(RECORDING, property="session")
    assert isinstance(held, tsofence.Replayed)
    assert held.because == ()


def test_any_networkx_code_runs_on_the_states(tmp_path: Path) -> None:
    """One PD alone has a hundred states."""
    alone = tmp_path / "alone.toml"
    alone.write_text(TINY.replace("tso = 1", "tso = 0").replace("[faults.tso]\nterm = 1", ""))
    graph = explore(alone, fence="off", property="key-monotone").graph
    assert isinstance(graph, nx.MultiDiGraph)
    assert graph.graph["first"] == [0]
    plain: nx.MultiDiGraph[int] = nx.MultiDiGraph(graph)
    assert type(plain) is nx.MultiDiGraph
    assert (len(plain), plain.number_of_edges()) == (len(graph), graph.number_of_edges())

    # on the arrays
    last = len(graph) - 1
    way = nx.shortest_path(graph, 0, last)
    assert len(way) == len(nx.shortest_path(plain, 0, last))
    components = {frozenset(each) for each in nx.strongly_connected_components(graph)}
    assert components == {frozenset(each) for each in nx.strongly_connected_components(plain)}
    # beyond what the arrays do
    assert nx.shortest_path(graph, 0).keys() == nx.shortest_path(plain, 0).keys()
    assert nx.pagerank(graph) == pytest.approx(nx.pagerank(plain))
    assert nx.dag_longest_path_length(nx.condensation(graph)) > 0
    assert set(nx.bfs_tree(graph, last, reverse=True)) == nx.ancestors(plain, last) | {last}
    part = graph.subgraph(way)
    assert nx.is_weakly_connected(part)
    assert part.copy().number_of_nodes() == len(way)
    assert list(graph.predecessors(last)) == list(plain.predecessors(last))

    # what a state and a step say
    steps = [next(iter(graph[at][to].values())) for at, to in pairwise(way)]
    assert {step["server"] for step in steps} <= {"pd1", None}
    assert graph.nodes[0]["role"] == {"pd1": "follower"}
    assert graph.nodes[0]["leader"] is None
    assert any(data["leader"] == "pd1" for _, data in graph.nodes(data=True))
    with pytest.raises(nx.NetworkXError, match="Frozen graph"):
        graph.add_edge(0, 1)


@pytest.mark.large
@pytest.mark.parametrize("page", ["tutorial", "how-to"])
def test_what_the_pages_show_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One block after the other, as in a notebook; those with tests need a cluster."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / f"{page}.md").read_text(), re.S | re.M)
    cells = [block for block in blocks if "def test_" not in block]
    assert cells
    names: dict[str, object] = {}
    for cell in cells:
        exec(cell, names)  # noqa: S102  # what readers do


def commit_only() -> Fence:
    fence = Fence("commit-only", "etcd compares that there is no TSO primary when a PD's commit arrives")
    save.compare(fence, "no TSO primary", lambda n, slot: either(s.is_tso[n], s.primary == NOBODY))
    return fence


def test_a_fence_that_stands_in_no_file(tiny: Path) -> None:
    """As in a notebook, where a cell is run again with another meaning; what was found stays as it was."""
    open_, kept = Fence("mine", "nothing"), commit_only()
    kept.name = "mine"
    found = explore(tiny, fence=open_, property="single-writer")
    assert found.violated
    assert explore(tiny, fence=kept, property="single-writer").holds
    assert "Breaks single-writer" in str(found.runs[0])
    assert prove(fence=commit_only(), property="key-monotone").holds
    judged = replay(RECORDING, fence=commit_only(), property="session")
    assert isinstance(judged, tsofence.Replayed)
    assert judged.conforms == {"commit-only": False}
    with pytest.raises(ValueError, match="expected a name of its own for the fence, not 'off'"):
        explore(tiny, fence=Fence("off", "another"))


def test_mistakes_are_exceptions(tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for call, error, says in (
        (lambda: explore("nowhere"), ScenarioError, "unknown scenario 'nowhere'"),
        (lambda: load_scenario(tmp_path / "no.toml"), ScenarioError, "cannot be read"),
        (lambda: explore(tiny, fence="none"), ValueError, "unknown fence 'none'"),
        (lambda: explore(tiny, fence=tmp_path / "no.py"), ValueError, "cannot be read"),
        (lambda: explore(tiny, build="none"), ValueError, "unknown build 'none'"),
        (lambda: explore(tiny, property="none"), ValueError, "unknown property 'none'"),
        (lambda: explore(tiny, drop=[("commit", "none")]), ValueError, "under off: "),
        (lambda: explore(tiny, engine="cluster"), ValueError, "choose from auto, plain, native"),
        (lambda: explore(tiny, without="none"), ValueError, "unknown without 'none'"),
        (lambda: explore(tiny, max_states=0), ValueError, "above 0"),
        (lambda: explore(tiny, memory=-1), ValueError, "above 0"),
        (lambda: prove(assume="none"), ValueError, "none"),
        (lambda: prove(property="takeover"), ValueError, "takeover"),
        (lambda: prove(nodes=0), ValueError, "at least one server"),
        (replay, ValueError, "expected a recording"),
        (lambda: replay(""), ValueError, "got an empty text"),
        (lambda: replay(tmp_path / "nothing"), BadInput, "nothing"),
        (lambda: replay(RECORDING, property="takeover"), ValueError, "only a run file"),
        (lambda: replay(RECORDING, save_interval="soon"), ValueError, "expected a time such as 3s"),
        (lambda: load_run(RECORDING), BadInput, "a run file"),
        (lambda: load_run(RUN).save(tmp_path / "no" / "run.json"), BadInput, "can be written"),
    ):
        with pytest.raises(error, match=says):
            call()
    assert capfd.readouterr() == ("", ""), "nothing is printed"


@pytest.mark.parametrize(
    ("work", "module", "owner", "method"),
    [
        ("explore('huge.toml', fence='off')", "checker.processes.matrix", "_Searches", "_hear"),
        ("prove(fence='off')", "checker.proof.induct", "Known", "check"),
        ("replay('recording', fence='off', property='unique')", "traces.explain.search", "Search", "_step"),
    ],
)
def test_ctrl_c_leaves_no_process(work: str, module: str, owner: str, method: str, tmp_path: Path) -> None:
    """It comes when something is under way: a search of its own, a question to z3, an explanation."""
    (tmp_path / "huge.toml").write_text(TINY.replace("pd = 1\ntso = 1", "pd = 2\ntso = 2"))
    (tmp_path / "recording").symlink_to(RECORDING)
    program = f"""
import os, signal
from tsofence import explore, prove, replay
from tsofence.{module} import {owner} as owner

method = owner.{method}
def interrupting(*args, **more):
    owner.{method} = method
    os.kill(os.getpid(), signal.SIGINT)
    return method(*args, **more)
owner.{method} = interrupting
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background ignores
try:
    {work}
except KeyboardInterrupt:
    print("interrupted")
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("nobody left")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("interrupted\nnobody left\n", "")
