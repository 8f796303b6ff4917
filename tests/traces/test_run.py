"""Run files: what is written is read back, and whatever else a file holds is refused in one line."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsofence.checker.run import Move, Run
from tsofence.model.language.expr import BOOL, DURATION, NODE, Sort
from tsofence.model.language.transition import Kind
from tsofence.model.pd import state, system
from tsofence.model.variants import fences
from tsofence.specs import properties
from tsofence.traces.runs import files
from tsofence.traces.sources.observation import BadInput

RUNS = Path(__file__).parents[1] / "runs"
GOLDEN = RUNS / "tso-restart.check-tso-primary.unique.json"


def values(sort: Sort, servers: int) -> st.SearchStrategy[int]:
    if sort is BOOL:
        return st.integers(0, 1)
    if sort.members:
        return st.integers(0, len(sort.members) - 1)
    if sort is NODE:
        return st.integers(0, servers)
    return st.integers(-(2**63) if sort is DURATION else 0, 2**63)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Any run that can be written, most of which cannot happen."""
    names = draw(st.lists(st.text(max_size=20), min_size=1, max_size=4, unique=True))
    kinds = tuple(draw(st.sampled_from([Kind.PD, Kind.TSO])) for _ in names)
    servers = range(1, len(names) + 1)
    fence = draw(st.sampled_from(fences.ALL))
    first = {("now", 0): draw(st.integers(0, 2**63))}
    for variable in draw(st.lists(st.sampled_from(list(state.VOCABULARY.variables.values())), max_size=5)):
        number = draw(st.sampled_from(servers)) if variable.per_server else 0
        first[variable.name, number] = draw(values(variable.sort, len(names)))
    moves = []
    for rule in draw(st.lists(st.sampled_from(system.RULES), max_size=20)):
        able = [n for n in servers if rule.kind in (Kind.ANY, kinds[n - 1])]
        number = 0 if rule.kind is Kind.CLUSTER else draw(st.sampled_from(able or [0]))
        if number or rule.kind is Kind.CLUSTER:
            inputs = {chosen.name: draw(values(chosen.sort, len(names))) for chosen in rule.inputs}
            moves.append(Move(rule.name, number, inputs))
    guards = [(t.name, label) for t in system.transitions(fences.parse(fence)) for label in t.step.guard]
    return Run(
        draw(st.text(max_size=50)),
        fence,
        kinds,
        tuple(names),
        {name: draw(st.integers(0, 2**63)) for name in files.CONSTANTS},
        first,
        tuple(moves),
        draw(st.sampled_from([None, *properties.NAMES])),
        tuple(draw(st.lists(st.sampled_from(guards), max_size=3))),
        draw(st.booleans()),
    )


@given(runs())
def test_what_is_written_is_read_back(run: Run) -> None:
    content = files.dumps(run).encode()
    assert files.parse(content, "run.json") == run
    assert files.recognise(content[:100])


def test_a_file_is_read_back(tmp_path: Path) -> None:
    run = files.load(GOLDEN)
    (tmp_path / "run.json").write_text(files.dumps(run))
    assert files.load(tmp_path / "run.json") == run
    assert (tmp_path / "run.json").read_bytes() == GOLDEN.read_bytes()


def test_servers_of_one_name_are_not_written() -> None:
    with pytest.raises(ValueError, match="different names: a, a"):
        files.dumps(Run("", "off", (Kind.PD, Kind.PD), ("a", "a"), {}, {}, ()))


@pytest.mark.parametrize(
    "head", [b"", b"{", b'{"format": "other"', b'{"version": 1, "format": "tsofence run"}', b"\x1f\x8b"]
)
def test_other_files_are_not_recognised(head: bytes) -> None:
    assert not files.recognise(head)


def put(*path: Any, value: Any) -> Callable[[Any], None]:
    """A change of one place in the document."""

    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return change


def drop(key: str) -> Callable[[Any], None]:
    return lambda document: document.pop(key)


MISTAKES: list[tuple[Callable[[Any], None], str]] = [
    (put("format", value="other"), 'a run file ("format": "tsofence run"); name a file that --runs wrote'),
    (put("version", value=2), "version to be 1, not 2"),
    (put("version", value=True), "version to be 1, not true"),
    (put("extra", value=0), "breaks, cycle_from, not 'extra'"),
    (drop("moves"), "the file to hold 'moves'"),
    (put("title", value="x" * 501), "title to be a text of at most 500 characters"),
    (put("fence", value="on"), "fence to be one of this version; unknown fence 'on'; choose from off"),
    (put("servers", value={}), "servers to be an object of 1 to 16 names, not an object"),
    (put("servers", "pd1", value="api"), "a kind of server, not 'api'; choose from pd, tso"),
    (put("constants", "windows", value=3), "max_reset, dynamic, registry, ahead, not 'windows'"),
    (put("constants", "window", value=3.0), "constants: window to be a whole number"),
    (put("constants", "window", value=True), "constants: window to be a whole number"),
    (put("constants", "window", value=1 << 70), "constants: window to be a whole number"),
    (put("constants", value={}), "constants to hold 'window'"),
    (put("first", "phase", value=1), "not 'phase'"),
    (put("first", "role", value=1), "first: role to be an object, not 1"),
    (put("first", "role", value={"pd9": 1}), "first: role to hold pd1, tso1, not 'pd9'"),
    (put("first", "role", value={"pd1": 5}), "first: role to be a whole number from 0 to 4, not 5"),
    (put("first", "leader", value=3), "first: leader to be a whole number from 0 to 2, not 3"),
    (put("first", "noted", value=2), "first: noted to be a whole number from 0 to 1, not 2"),
    (put("first", "now", value=-1), "first: now to be a whole number from 0"),
    (put("reachable", value=1), "reachable to be true or false, not 1"),
    (put("breaks", value="uniqe"), "breaks to be a property, not 'uniqe'; choose from key-monotone"),
    (put("dropped", value=[["commit"]]), "each of dropped to be [transition, guard], not a list"),
    (put("dropped", value=[["refused_by_cas", "x"]]), "a transition under check-tso-primary"),
    (put("dropped", value=[["commit", "x"]]), "a guard of commit, not 'x'; choose from every key is read"),
    (put("moves", value={}), "moves to be a list, not an object"),
    (put("moves", 2, value=[]), "step 3 to be an object, not a list"),
    (put("moves", 2, value={}), "step 3 to hold 'transition'"),
    (put("moves", 2, "transition", value="sink"), "step 3 to be a transition, not 'sink'; choose from camp"),
    (put("moves", 2, "server", value="pd2"), "step 3: server to be any server, not 'pd2'; choose from pd1"),
    (put("moves", 5, "server", value="pd1"), "step 6: server to be left out, for tick is no server in part"),
    (put("moves", 2, "transition", value="raft_elects"), "step 3: server to be a PD"),
    (put("moves", 5, "inputs", value={}), "step 6: inputs to hold 'by'"),
    (put("moves", 5, "inputs", "to", value=1), "step 6: inputs to hold by, not 'to'"),
    (put("moves", 5, "inputs", "by", value="1"), "step 6: by to be a whole number"),
    (put("moves", 2, "server", value="\x1b[2J\u202e"), r"not '\x1b[2J\u202e'"),
]


@pytest.mark.parametrize(
    ("change", "expected"), MISTAKES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_mistake_is_named_in_one_line(change: Callable[[Any], None], expected: str) -> None:
    document = json.loads(GOLDEN.read_bytes())
    document["moves"][2]["server"] = "tso1" if "a PD" in expected else "pd1"
    change(document)
    with pytest.raises(BadInput) as caught:
        files.parse(json.dumps(document).encode(), "run.json")
    message = str(caught.value)
    assert expected in message
    assert message.startswith("run.json: expected ")
    assert "; " in message
    assert message.isprintable()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "run.json:1: expected JSON (Expecting value"),
        (b"{\n\n]", "run.json:3: expected JSON"),
        (b"[]", "a run file"),
        (b"\xff", "JSON in UTF-8"),
        (b"[" * 100_000, "within reason"),
        (b"9" * 5000, "within reason"),
        (b'{"format": "tsofence run", "format": "tsofence run"}', "each key once, but 'format' is twice"),
    ],
    ids=["empty", "cut", "list", "not UTF-8", "deep", "long number", "twice"],
)
def test_what_is_no_document_is_named_in_one_line(content: bytes, expected: str) -> None:
    with pytest.raises(BadInput) as caught:
        files.parse(content, "run.json")
    assert expected in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_run_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_MOVES", 3)
    with pytest.raises(BadInput, match="moves to be at most 3, not 20"):
        files.load(GOLDEN)
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    with pytest.raises(BadInput, match="at most 0 MiB"):
        files.load(GOLDEN)


def test_a_path_without_a_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(BadInput, match="expected a run file that can be read; check the path"):
            files.load(path)


def test_a_run_that_cannot_happen_says_where_and_why(tmp_path: Path) -> None:
    document = json.loads(GOLDEN.read_bytes())
    path = tmp_path / "run.json"
    grants = document["moves"].pop(17)  # without its read of the timestamp key, the PD cannot commit
    assert grants["transition"] == "load_window"
    path.write_text(json.dumps(document))
    with pytest.raises(BadInput, match=r"step 18: commit is refused: every key is read, .*; have the run"):
        files.load(path)
    document["fence"] = "off"
    path.write_text(json.dumps(document))
    with pytest.raises(BadInput, match="step 17: no transition 'find_no_primary' of server 1 here"):
        files.load(path)


def test_random_damage_is_refused_or_harmless() -> None:
    rng = random.Random(1)
    for _ in range(500):
        content = bytearray(GOLDEN.read_bytes())
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(content))
            content[at : at + rng.randrange(8)] = rng.choice(
                [b"", b"\n", b'"', b"}", b"[[", b"-", b"9" * 400, b"1e999", b"NaN", b"\xff", b"null"]
            )
        try:
            files.parse(bytes(content), "run.json")
        except BadInput as refusal:
            assert str(refusal).isprintable()  # noqa: PT017  # most damage is refused, not all
