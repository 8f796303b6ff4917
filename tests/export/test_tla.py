"""Exported modules: that they are TLA+, and that what they say is what tsofence searches.

`tlaplus` evaluates the text as it is parsed by tree-sitter's grammar, step by step as TLC does it; TLC itself
does where `TLA2TOOLS_JAR` names one (`test_tlc.py`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tsofence import cli
from tsofence.checker.search.explore import explore
from tsofence.model.builds import known as builds
from tsofence.model.language.expr import BOOL, INT, NODE, NOW, TIME, Expr, Sort, both, either, exists, negate
from tsofence.model.language.instance import FOLDING
from tsofence.model.language.tla import NotTla, camel
from tsofence.model.language.transition import SELF, Kind, Step
from tsofence.model.language.variant import Variant, VariantError
from tsofence.model.pd import state as s
from tsofence.model.variants import fences
from tsofence.specs import properties, scenario
from tsofence.specs.scenario import Scenario
from tsofence.traces.export.export import export
from tsofence.traces.export.module import configuration, module
from tsofence.traces.export.system import System
from tsofence.traces.export.words import GROUPS

from ..amount import spread
from ..worlds import TINY
from .plainly import search
from .tlaplus import Found, Model, parse

_ONE_PD = "[servers]\npd = 1\ntso = 0\n[time]\nwindow = 2\n"
_API_MODE = "[servers]\npd = 1\napi = 1\ntso = 1\ndynamic = 1\n[time]\nwindow = 2\n"
_TWO_TSO = "[servers]\npd = 0\ntso = 2\n[time]\nwindow = 3\n[time.tso]\nwindow = 2\nlease = 2\n"
_TWO_COUNTS = "[clients]\nlimit = 3\ncounts = [1, 2]\n"

#: small systems with much in them: text, and how far time goes
WORLDS = {
    "tiny": (TINY, 0),
    "api": (f"{_API_MODE}[faults.pd]\nterm = 1\n[faults.tso]\nlapse = 1\n", 1),
    "jump": (f"{_ONE_PD}skew = 1\n{_TWO_COUNTS}[faults.pd]\nterm = 1\njump = 1\n", 0),
    "lost": (f"{_ONE_PD}{_TWO_COUNTS}[faults.pd]\nterm = 1\nlost = 1\ncrash = 1\n", 0),
    "keep": (f"{_ONE_PD}[faults.pd]\nterm = 1\nkeepalive = 'any'\nadmin = 1\n", 2),
    "pair": (f"{_TWO_TSO}[faults.tso]\nterm = 1\ntransfer = 1\nclient_sync = 1\n", 0),
}


def world(name: str) -> Scenario:
    return scenario.parse(WORLDS[name][0], name, f"{name}.toml")


def text_of(of: Scenario, variant: Variant, ticks: int) -> tuple[str, str]:
    """Module and bounded configuration, without asking what a view needs."""
    system = System(of.configuration(variant), of.server_names, of.skew)
    formulas = {system.names.fresh(camel(prop.name)): prop for prop in properties.PROPERTIES}
    text = module(system, "M", [of.description], formulas, None)
    told = [name for name in formulas if re.search(rf"^{name} ==", text, re.MULTILINE)]
    return text, configuration(system, [], told, ticks, None)


def by_property(found: Found) -> Found:
    """Violations under the names of formulas."""
    return replace(found, violated={camel(name): steps for name, steps in found.violated.items()})


_ALL_THREE = "save-cas+window-lease+wait-out"


@pytest.mark.parametrize(
    ("name", "fence"),
    [
        ("tiny", "off"),
        ("tiny", _ALL_THREE),
        ("api", _ALL_THREE),
        ("jump", _ALL_THREE),
        ("lost", "off"),
        ("keep", _ALL_THREE),
        ("pair", "off"),
    ],
)
def test_text_has_the_states_and_steps_of_the_model(name: str, fence: str) -> None:
    of, ticks = world(name), WORLDS[name][1]
    expected = by_property(search(of, fence, ticks))
    assert expected.states > 40
    assert Model(*text_of(of, fences.parse(fence), ticks)).search() == expected
    assert bool(expected.violated) == (name == "tiny")


def systems(every: bool) -> list[tuple[str, str]]:
    """Scenarios and systems: one in eight, or each scenario, build and fence at least once."""
    there = []
    for build in builds.SHIPPED:
        for fence in fences.ALL:
            name = fences.of_build(build, fence)
            try:
                scenario.load(scenario.DEFAULT).configuration(fences.parse(name))
            except (ValueError, VariantError):
                continue  # they exclude each other
            there.append(name)
    worlds = scenario.names()
    if every:
        return spread(worlds, there, 8)
    return [(worlds[index % len(worlds)], name) for index, name in enumerate(there) if index % 5 == 0]


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.large)])
def test_every_system_is_tla(every: bool) -> None:
    for of, name in systems(every):
        loaded = scenario.load(of)
        text, _ = text_of(loaded, fences.parse(name), 1)
        parse(text)
        assert max(map(len, text.splitlines())) < 120, (of, name)


def test_view_covers_all_time() -> None:
    """It takes for one state what tsofence proves that it may."""
    of = scenario.parse(f"{_ONE_PD}[faults.pd]\nterm = 1\nkeepalive = 1\n", "view", "view.toml")
    made = export(of, "off", [], ticks=0, name="M")
    assert made.folded
    found = Model(made.module, made.folded).search()
    told = explore(of, "off", properties.PROPERTIES, reductions=[FOLDING])
    assert told.complete
    assert (found.violated, found.states, told.states) == ({}, 774, 858)


def made_awkward() -> Variant:
    """Names that mean something else in TLA+, or something already, and a label on two lines."""
    variant = Variant("awkward", 'says "x" *) \\* y')
    colour = Sort("Job", ('re"d', "gr\\een"))
    count = variant.shared("IN", INT, 1)
    mine = variant.per_server("n", BOOL)
    hue = variant.per_server("count", colour)
    since = variant.shared("left", TIME)
    friend = variant.shared("Next", NODE)

    @variant.step(Kind.ANY)
    def init(n: Expr) -> Step:
        """Takes the name of what begins."""
        return Step(
            guard={
                "two\nlines": either(mine[n], s.role[n] == s.ROLE.follower, count == 1),
                "somebody": exists(lambda m: either(s.role[m] == s.ROLE.follower, m == friend)),
            },
            effect={
                "IN": Expr("literal", INT, value=2),
                "n": either(negate(mine[n]), both(mine[n], count < 2)),
                "count": colour.__getattr__("gr\\een"),
                "left": NOW,
                "Next": n,
            },
        )

    assert {hue[SELF].sort, since.sort} == {colour, TIME}
    return variant


def test_names_of_ones_own_may_be_any() -> None:
    of = replace(world("keep"), budgets={**world("keep").budgets, "pd.admin": 0, "pd.keepalive": 0})
    variant = made_awkward()
    text, config = text_of(of, variant, 0)
    found = Model(text, config).search()
    expected = search(of, variant, 0)
    assert found == expected
    assert '"re\\"d", "gr\\\\een"' in text
    assert "\\* two lines" in text


def test_what_cannot_be_said_is_one_line() -> None:
    of = world("keep")
    large = Variant("large", "has a constant that TLC does not hold")
    bound = large.constant("far", INT, 1 << 31)
    large.guard("grant", "far", s.logical[SELF] < bound)
    with pytest.raises(NotTla, match="TLC's integers end at 2147483647"):
        text_of(of, large, 0)
    other = Variant("other", "asks a server that stands in the state")
    other.guard("grant", "leader", s.promoted[s.leader])
    with pytest.raises(NotTla, match="read of a server that is itself read from the state"):
        text_of(of, other, 0)


def test_every_variable_of_pd_is_explained() -> None:
    explained = [name for group in GROUPS.values() for name in group]
    assert sorted(explained) == sorted(s.VOCABULARY.variables)


def test_export_writes_module_and_configurations(tmp_path: Path) -> None:
    runner = CliRunner()
    file = tmp_path / "Upgrade.tla"
    done = runner.invoke(cli.main, ["export", "-o", str(file), "--ticks", "3", "--property", "unique"])
    assert (done.exit_code, done.stdout) == (0, "")
    written = {each.name: each.read_text() for each in tmp_path.iterdir()}
    assert sorted(written) == ["Upgrade.cfg", "Upgrade.tla", "Upgrade_folded.cfg"]
    for name in ("Upgrade.cfg", "Upgrade_folded.cfg"):
        assert Model(written["Upgrade.tla"], written[name]).properties == ["Unique"]
    assert "Ticks = 3" in written["Upgrade.cfg"]
    assert "VIEW" not in written["Upgrade.cfg"]
    assert "VIEW Folded" in written["Upgrade_folded.cfg"]

    again = runner.invoke(cli.main, ["export", "--property", "unique"])
    assert again.exit_code == 0
    assert again.stdout == written["Upgrade.tla"].replace(" Upgrade", " RollingUpgrade").replace(
        written["Upgrade.tla"].splitlines()[0].replace(" Upgrade", " RollingUpgrade"),
        " MODULE RollingUpgrade ".center(96, "-"),
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "up-grade.tla"], "a module called 'up-grade'"),
        (["-o", "Upgrade.txt"], "its name has to end in .tla"),
        (["-o", "Init.tla"], "a module called 'Init'"),
        (["--fence", "off", "--fence", "hook"], "one module is one system, not 2"),
        (["--property", "takeover"], "unknown property 'takeover'"),
        (["--drop", "commit:nothing"], "has no guard 'nothing'"),
    ],
)
def test_what_cannot_be_exported_is_one_line(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(cli.main, ["export", *arguments])
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
