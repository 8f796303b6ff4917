"""A build, a fence, a property of one's own, from a file: every command takes it, or refuses in one line."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tsofence.model.variants import fences
from tsofence.model.variants.own import OwnError

from .documents import read_document
from .refused import refused
from .worlds import TINY

TSOFENCE = Path(sys.executable).with_name("tsofence")
DOCS = Path(__file__).resolve().parents[1] / "docs"
EXAMPLE = DOCS / "own-fence" / "load_in_transaction.py"
RECORDING = Path(__file__).parent / "recordings" / "upgrade-unfenced"

PREAMBLE = """
from tsofence.model.language.expr import FALSE, TRUE, both, exists, negate
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s
from tsofence.specs.liveness import Liveness
from tsofence.specs.properties import Property
"""
#: `unique`, by another name: no lemma that comes with tsofence is known to prove it
ONCE = """
from tsofence.model.variants import save_cas
from tsofence.specs.lemmas import lemmas
from tsofence.specs.properties import Property, named

unique = named("unique")
known = lemmas(save_cas.fence, "unique")
ONCE = Property("once", "each only once", unique.broken_by, unique.tested_by, lemmas=known)
"""
#: the PD compares the primary key when its commit arrives, and nowhere before
COMMIT_ONLY = f"""{PREAMBLE}
from tsofence.model.language.expr import NOBODY, either
from tsofence.model.pd import save
from tsofence.model.pd.state import OWN

fence = Variant("commit-only", "etcd compares the primary key as the commit arrives")
save.compare(fence, "no primary", lambda n, slot: either(s.is_tso[n], s.primary == NOBODY), slots=[OWN])

def pd_saves(transition):
    return negate(s.is_tso[SELF]) if "timestamp" in transition.step.effect else None

SAVES = Property("no-pd-saves", "no PD ever saves", broken_by=pd_saves, tested_by=pd_saves)
GRANTS = Property(
    "no-second-grant",
    "nothing is granted after a grant that is remembered",
    broken_by=lambda transition: s.noted if transition.name == "grant" else None,
    tested_by=lambda transition: s.noted if transition.name == "grant" else None,
)
SERVES = Liveness("somebody-serves", "some server serves at last", goal=exists(s.serving))
NOT_THIS = 3
"""
#: as release-8.5, but a server answers without looking at its lease
BUILD = """
from tsofence.model.builds import release_8_5
from tsofence.model.language.variant import Variant

build = Variant("eager", "grants whether it serves or not", builds_on=[release_8_5.build])
build.no_guard("grant", "serving")
"""
SCENARIO = f'fences = ["off", "./mine.py"]\n{TINY}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("own")
    (made / "mine.py").write_text(COMMIT_ONLY)
    (made / "eager.py").write_text(BUILD)
    (made / "once.py").write_text(ONCE)
    (made / "scenario.toml").write_text(SCENARIO)
    return made


def call(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TSOFENCE, *args], cwd=folder, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.fixture(scope="module")
def explored(folder: Path) -> dict[str, dict[str, str]]:
    """Verdicts by fence and property, of the scenario's own fences; runs are left in a folder."""
    done = call(
        folder,
        *("explore", "--scenario", "scenario.toml", "--runs", "found", "--json", "-", "--quiet"),
        *("--property", "single-writer", "--property", "./mine.py:SAVES"),
        *("--property", "./mine.py:SERVES"),
    )
    assert done.returncode == 1, done.stderr
    return {
        each["fence"]: {found["property"]: found["verdict"] for found in each["properties"]}
        for each in read_document(done.stdout)["results"]
    }


def test_a_scenario_names_a_fence_beside_it(explored: dict[str, dict[str, str]]) -> None:
    assert explored == {
        "off": {"single-writer": "violated", "no-pd-saves": "violated", "somebody-serves": "holds"},
        "commit-only": {"single-writer": "holds", "no-pd-saves": "violated", "somebody-serves": "holds"},
    }


def test_a_run_says_its_fence_by_name_only(folder: Path, explored: object) -> None:
    """Code is only run where the user names it."""
    run = "found/commit-only.no-pd-saves.json"
    assert "mine.py" not in (folder / run).read_text()
    alone = call(folder, "show", run)
    assert alone.returncode == 2
    assert "unknown fence 'commit-only'" in alone.stderr
    without = call(folder, "show", run, "--fence", "./mine.py")
    assert without.returncode == 2
    assert "not 'no-pd-saves'" in without.stderr
    told = call(folder, "show", run, "--fence", "./mine.py", "--property", "./mine.py:SAVES")
    assert told.returncode == 0
    assert "Breaks no-pd-saves: no PD ever saves." in told.stdout
    again = call(folder, "replay", run, "--fence", "./mine.py", "--property", "./mine.py:SAVES", "--quiet")
    assert again.returncode == 1


def test_a_build(folder: Path) -> None:
    """Explored with a fence on it, told, and judged again; each says from which file it comes."""
    asked = ("explore", "--scenario", "scenario.toml", "--build", "./eager.py", "--property", "one-live")
    done = call(
        folder, *asked, "--fence", "off", "--fence", "./mine.py", "--runs", "b", "--json", "-", "--quiet"
    )
    told = [(each["build"], each["fence"]) for each in read_document(done.stdout)["results"]]
    assert (done.returncode, told) == (1, [("eager", "off"), ("eager", "commit-only")]), done.stderr
    run = "b/eager.one-live.json"
    assert read_document((folder / run).read_text())["build"] == "eager"
    alone = call(folder, "show", run)
    assert alone.returncode == 2
    (line,) = alone.stderr.splitlines()
    assert "unknown build 'eager'" in line
    assert "--build ./mine.py" in line
    assert "Breaks one-live" in call(folder, "show", run, "--build", "./eager.py").stdout
    again = call(folder, "replay", run, "--build", "./eager.py", "--quiet", "--json", "-")
    verdicts = {each["property"]: each["verdict"] for each in read_document(again.stdout)["properties"]}
    assert (again.returncode, verdicts["one-live"]) == (1, "violated"), again.stderr
    of_both = call(folder, "show", "b/eager+commit-only.one-live.json", "--build", "./eager.py")
    assert "unknown fence 'commit-only'" in of_both.stderr


def test_a_build_is_proved_and_replayed(folder: Path) -> None:
    """Without that guard nothing keeps a former leader from answering; the recording has nothing of it."""
    asked = ("prove", "--build", "./eager.py", "--property", "window", "--json", "-", "--quiet")
    (proof,) = read_document(call(folder, *asked).stdout)["results"]
    assert (proof["build"], proof["fence"], proof["verdict"]) == ("eager", "off", "proved")
    done = call(folder, "replay", str(RECORDING), "--build", "./eager.py", "--quiet", "--json", "-")
    (under,) = read_document(done.stdout)["fences"]
    assert (under["build"], under["conforms"]) == ("eager", True), done.stderr


def test_prove_and_drop(folder: Path) -> None:
    asked = ("prove", "--fence", "./mine.py", "--property", "single-writer", "--assume", "service-mode-only")
    done = call(folder, *asked, "--json", "-", "--quiet")
    assert (done.returncode, read_document(done.stdout)["results"][0]["verdict"]) == (0, "proved"), (
        done.stderr
    )
    dropped = call(folder, *asked, "--drop", "commit:no primary", "--json", "-", "--quiet")
    (result,) = read_document(dropped.stdout)["results"]
    assert (dropped.returncode, result["verdict"]) == (1, "violated")


def test_a_property_brings_its_lemmas(folder: Path) -> None:
    asked = ("prove", "--fence", "save-cas", "--property", "./once.py:ONCE", "--json", "-", "--quiet")
    (proof,) = read_document(call(folder, *asked).stdout)["results"]
    assert (proof["property"], proof["verdict"]) == ("once", "proved")
    assert "windows apart" in {each["lemma"] for each in proof["obligations"]}


def test_replay_under_it_and_without_a_guard(folder: Path) -> None:
    """The PD saved beside a TSO primary there."""
    asked = ("replay", str(RECORDING), "--quiet", "--json", "-")
    done = call(folder, *asked, "--fence", "./mine.py")
    (under,) = read_document(done.stdout)["fences"]
    assert (under["fence"], under["conforms"]) == ("commit-only", False)
    assert "no primary" in {refused["guard"] for refused in under["refused_by"]}
    done = call(
        folder,
        *(
            *asked,
            "--fence",
            "./mine.py",
            "--drop",
            "commit:no primary",
            "--drop",
            "commit_answer_lost:no primary",
        ),
        *("--property", "./mine.py:SAVES", "--property", "./mine.py:GRANTS"),
    )
    found = read_document(done.stdout)
    assert found["fences"][0]["conforms"] is True
    verdicts = {each["property"]: (each["verdict"], each["note"]) for each in found["properties"]}
    assert verdicts["no-pd-saves"][0] == "violated"
    assert verdicts["no-second-grant"] == ("unknown", "it compares grants: only a run file remembers one")


def test_the_example_of_the_docs_is_the_file() -> None:
    text = (DOCS / "own-fence.md").read_text()
    (shown,) = re.findall(r"```python\n(fence = .*?)```", text, re.DOTALL)
    body = EXAMPLE.read_text()
    assert re.sub(r"\s+", " ", shown).strip() in re.sub(r"\s+", " ", body)
    assert len(body.splitlines()) <= 40


def test_the_example_repairs_what_it_says(tmp_path: Path) -> None:
    """With it a sync that loaded early does not save."""
    shutil.copy(EXAMPLE, tmp_path / "mine.py")
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    asked = ("prove", "--property", "key-monotone", "--json", "-", "--quiet")
    done = call(tmp_path, *asked, "--fence", "check-tso-primary+./mine.py")
    assert (done.returncode, read_document(done.stdout)["results"][0]["verdict"]) == (0, "proved"), (
        done.stderr
    )


MINE = f'{PREAMBLE}\nfence = Variant("x", "")\n'
BAD = [
    ("def x(:", "mine.py:1: not Python: "),
    ("x = 1", "mine.py: expected one Variant, called fence, but found 0"),
    (f'{PREAMBLE}\na = Variant("a", "")\nb = Variant("b", "")', "but found 2; see docs/own-fence.md"),
    ("\n\nraise SystemExit(0)", "mine.py:3: SystemExit: 0"),
    ("\nimport nothing_like_that", "mine.py:2: ModuleNotFoundError: No module named"),
    (f'{PREAMBLE}\nfence = Variant("x", "")\nfence.guard("grant", "y", s.timestamp)', "SortError"),
    (f'{PREAMBLE}\nfence = Variant("x", "")\nfence.guard("gran", "y", TRUE)', "mine.py:10: no transition"),
    (MINE + 'fence.also("serving", lambda n: s.primry)', "mine.py:10: AttributeError"),
    (MINE + 'fence.define("serving", lambda n: TRUE)', "TypeError"),
    (MINE + 'fence.define("serving", lambda b, n: s.leader)', "expected Bool, got Node"),
    (f'{PREAMBLE}\nfence = Variant("off", "")', "expected a name of its own for the fence"),
    (f'{PREAMBLE}\nfence = Variant("a+b", "")', "expected a name of its own for the fence"),
    (f'{PREAMBLE}\nif s.api[SELF]: pass', "TypeError: an expression has no truth value"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), BAD, ids=[told for _, told in BAD])
def test_a_mistake_is_one_line(tmp_path: Path, text: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert told in refused("prove", "--fence", "./mine.py")


SAID = f"""{MINE}
from tsofence.model.language.expr import *
from tsofence.model.language.vocabulary import PerServer
from tsofence.model.pd import save
"""
WAITS = "from tsofence.model.language.transition import Step\ndef waits(n): return Step({}, {})\n"
#: what an expression may say before anybody knows the system
OF_NOTHING = [
    ('fence.guard("grant", "y", Expr("var", BOOL, name="mine"))', "guard 'y' of"),
    ('fence.guard("grant", "y", PerServer("mine", BOOL)[SELF])', "'mine' of a server, which"),
    ('fence.guard("grant", "y", s.BY == 0)', "an input 'by', which grant has not"),
    ('fence.guard("grant", "y", parameter("patience", BOOL))', "a constant 'patience', which"),
    ('fence.also("serving", lambda n: Expr("bound", NODE, name="m") == n)', "guard"),
    ('fence.shared("now", BOOL)', "there is a variable 'now' already"),
    ('fence.shared("mine", BOOL, "no")', "mine is a Bool, and begins"),
    ('fence.shared("mine", INT, 256)', "from 0 to 255, not as 256"),
    ('m = fence.shared("mine", INT)\nfence.effect("tick", {"mine": m + 1})', "nothing but time"),
    (WAITS + 'fence.step(budget="stopp")(waits)', "step 'waits': unknown fault 'stopp'; did you mean stop"),
    (WAITS + 'fence.step(needs="paused")(waits)', "step 'waits': unknown fault 'paused'; choose from admin"),
    (
        'save.compare(fence, "y", lambda n, slot: Expr("var", BOOL, name="mine"))',
        "guard 'y' of commit speaks of a variable 'mine' of the cluster, which there is not",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), OF_NOTHING, ids=[told for _, told in OF_NOTHING])
def test_what_there_is_not_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(SAID + text)
    line = SAID.count("\n") + 1 + text.count("\n")
    with pytest.raises(OwnError) as error:
        fences.take(str(file))
    assert str(error.value).startswith(f"mine.py:{line}: ")
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('a = Variant("a", "")\nb = Variant("b", "")', "expected one Variant, called build, but found 2"),
        ('build = Variant("release-8.5", "")', "expected a name of its own for the build, not 'release-8.5'"),
        ('build = Variant("a+b", "")', "expected a name of its own for the build"),
        ('build = Variant("x", "")\nbuild.no_guard("grant", "x")', "mine.py:10: no guard of grant 'x'"),
    ],
)
def test_a_mistake_in_a_build_is_one_line(
    tmp_path: Path, text: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(f"{PREAMBLE}\n{text}")
    monkeypatch.chdir(tmp_path)
    for asked in (["explore"], ["prove"], ["replay", str(RECORDING)]):
        assert told in refused(*asked, "--build", "./mine.py")


PROPERTY = """from tsofence.model.pd import state as s
from tsofence.model.language.transition import SELF
from tsofence.specs.liveness import Liveness
from tsofence.specs.properties import Property
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'Property("p", "", lambda t: s.nothing if t.name == "grant" else None, lambda t: None)',
            "mine.py:5: ",
        ),
        ('Property("p", "", lambda t: None, lambda t: t.nothing)', "mine.py:5: AttributeError: 'Transition'"),
        (
            'Property("p", "", lambda t: t.name == "grant", lambda t: None)',
            "expected a condition, such as TRUE",
        ),
        ('Property("p", "", lambda t: None, lambda t: s.timestamp)', "expected a condition, such as TRUE or"),
        ('Property("p", "", lambda t: s.promoted[SELF], lambda t: None)', "broken_by of tick speaks of SELF"),
        (
            'Liveness("p", "", premise=s.saved[SELF])',
            "premise: expected a condition, such as TRUE or both(a, b)",
        ),
        ('Liveness("p", "", reached_by=lambda t: t.nothing)', "mine.py:5: AttributeError: 'Transition'"),
        (
            'Liveness("p", "", repeated=lambda t: "x")',
            "expected a condition, such as TRUE or both(a, b), not 'x'",
        ),
    ],
)
def test_a_mistake_in_a_property_is_one_line(
    tmp_path: Path, text: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(f"{PROPERTY}P = {text}\n")
    monkeypatch.chdir(tmp_path)
    for asked in ("explore", "prove"):
        assert told in refused(asked, "--property", "./mine.py:P")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["explore", "--build", "./nothing.py"], "nothing.py: cannot be read"),
        (["explore", "--build", "release-8.5+./eager.py"], "unknown build 'release-8.5+eager'"),
        (["explore", "--build", "./eager.py", "--fence", "./eager.py"], "has a build 'eager', too"),
        (["explore", "--fence", "./nothing.py"], "nothing.py: cannot be read"),
        (["explore", "--fence", "."], "unknown fence '.'"),
        (["explore", "--property", "./mine.py"], "expected FILE.py:NAME"),
        (["explore", "--property", "./mine.py:X"], "no property 'X'; there are: SAVES, GRANTS, SERVES"),
        (["explore", "--property", "./mine.py:NOT_THIS"], "no property 'NOT_THIS'"),
        (["prove", "--property", "./mine.py:SERVES"], "no proof is known of 'somebody-serves'"),
        (["explore", "--drop", "commit"], "expected TRANSITION:GUARD"),
        (["explore", "--drop", "commit:x"], "commit has no guard 'x'; it has: every key is read, "),
        (["prove", "--drop", "x:y"], "no transition 'x'; there are: campaign, "),
        (["explore", "--fence", "hook+./mine.py+./mine.py"], "names one of its parts twice"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_option_is_one_line(
    folder: Path,
    args: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    assert told in refused(*args)


def test_a_scenario_takes_code_from_its_own_folder_only(folder: Path, tmp_path: Path) -> None:
    for place in (str(folder / "mine.py"), "../mine.py", "sub/mine.py"):
        (tmp_path / "scenario.toml").write_text(SCENARIO.replace("./mine.py", place))
        done = call(tmp_path, "explore", "--scenario", "scenario.toml")
        assert done.returncode == 2
        assert "expected a file beside the scenario" in done.stderr
