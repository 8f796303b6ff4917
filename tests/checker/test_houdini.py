"""Lemmas that are found prove what holds, each of them is needed, and nothing that is wrong is proved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tsofence.checker.certificates.obligations import Task
from tsofence.checker.proof import houdini
from tsofence.checker.proof.houdini import _Search
from tsofence.checker.proof.induct import Induction
from tsofence.checker.proof.prove import prove
from tsofence.checker.run import breaks
from tsofence.cli import main
from tsofence.model.language.expr import BOOL, both, either, negate
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import save, system
from tsofence.model.pd import state as s
from tsofence.model.pd.state import SLOTS
from tsofence.model.variants import fences
from tsofence.model.variants.own import OwnError
from tsofence.specs import candidates, kept, own
from tsofence.specs.lemmas import Lemma, lemmas, shipped
from tsofence.specs.properties import named
from tsofence.traces.tell.proved import lemmas_of

from ..proofs import find_no_run

STAYS = ("first-primary-stays", "service-mode-only", "no-client-syncs", "no-stale-deletes")
OFF = fences.whole("off")
FENCES = Path(__file__).parents[2] / "docs" / "own-fence"


def quietly(name: str) -> None:
    pass


def names(found: Iterable[Lemma]) -> list[str]:
    return [lemma.name for lemma in found]


def shows(name: str, given: Iterable[Lemma]) -> bool:
    """Whether these lemmas prove a property of off, by induction and nothing else."""
    decided = Induction(OFF, named(name), given=tuple(given)).decide()
    return all(each.obligation.result == "proved" for each in decided)


def test_what_is_found_proves_and_all_of_it_is_needed() -> None:
    found = houdini.find(OFF, named("key-monotone"))
    assert found is not None
    assert names(found) == ["save grows"]
    assert shows("key-monotone", found)
    assert not shows("key-monotone", ())


def test_what_is_not_kept_is_dropped() -> None:
    """Whatever proves more than is so: nothing was granted, the first states say, and a grant ends it."""
    grows = lemmas(OFF, "key-monotone")
    wrong = Lemma("never", "nothing is granted", negate(s.noted))
    absurd = Lemma("absurd", "no first state is so", both(s.noted, negate(s.noted)))
    search = _Search(Induction(OFF, named("key-monotone"), given=(wrong, *grows, absurd)), 600)
    assert search.largest(range(3), quietly) == ({1}, True)
    assert search.supporting({1}) == {1}
    search = _Search(Induction(OFF, named("key-monotone"), given=(wrong, absurd)), 600)
    alive, proving_it = search.largest(range(2), quietly)
    assert not proving_it
    assert 1 not in alive


def handing_over(*, compared: bool) -> Variant:
    """A TSO server that wins sets a flag in etcd, and a PD's save compares that it is not set."""
    flag = Variant("handover-flag", "a PD saves only while no TSO server has taken over")
    handed_over = flag.shared("handed_over", BOOL)
    flag.effect("campaign", {"handed_over": either(handed_over, s.is_tso[SELF])})
    if compared:
        save.compare(flag, "nobody has taken over", lambda n, slot: either(s.is_tso[n], negate(handed_over)))
    return OFF.joined(flag)


def test_what_is_in_etcd_at_once_proves_a_fence_that_has_a_key_of_its_own() -> None:
    whole, prop = handing_over(compared=True), named("single-writer")
    there = {each.name: each for each in candidates.together(system.vocabulary(whole))}
    lemma = there["primary never without handed_over"]
    for fence, given, proves in (
        (whole, (lemma,), True),
        (whole, (), False),
        (whole, (there["handed_over never without primary"],), False),
        (handing_over(compared=False), (lemma,), False),
    ):
        decided = [each.obligation.result for each in Induction(fence, prop, given=given).decide()]
        assert (set(decided) == {"proved"}) == proves


@pytest.mark.large
def test_it_is_found() -> None:
    found = houdini.find(handing_over(compared=True), named("single-writer"))
    assert found is not None
    assert names(found) == ["primary never without handed_over"]


def test_superfluous_ones_are_left_out() -> None:
    more = Lemma("who got what", "", negate(both(s.noted_found, negate(s.noted))))
    search = _Search(Induction(OFF, named("key-monotone"), given=(*lemmas(OFF, "key-monotone"), more)), 600)
    assert search.largest(range(2), quietly) == ({0, 1}, True)
    assert search.least({0, 1}, quietly) == {0}


def test_time_is_up() -> None:
    with pytest.raises(houdini.OutOfTime):
        houdini.find(OFF, named("key-monotone"), patience=0)


@pytest.mark.parametrize(
    ("raised", "note"),
    [
        (KeyboardInterrupt(), "interrupted while looking for lemmas"),
        (houdini.OutOfTime(), "no lemmas were found in time"),
        (None, "no lemmas were found either"),
    ],
)
def test_nothing_found_is_said(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException | None, note: str
) -> None:
    def find(*given: object) -> None:
        if raised is not None:
            raise raised

    monkeypatch.setattr(houdini, "find", find)
    find_no_run(monkeypatch)
    prop = named("unique")
    found = prove(OFF, prop)
    assert found.verdict == "unknown"
    assert note in found.note


def test_lemmas_that_are_given_are_the_only_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(houdini, "find", lambda *given: pytest.fail("looked for some"))
    find_no_run(monkeypatch)
    grows = lemmas(OFF, "key-monotone")
    found = prove(OFF, named("key-monotone"), lemmas=grows)
    assert (found.verdict, found.lemmas_are, names(found.lemmas)) == ("proved", "given", ["save grows"])
    assert prove(OFF, named("key-monotone"), lemmas=()).verdict == "unknown"
    assert lemmas_of([found]).startswith('"""Lemmas of key-monotone under off."""\n')


def test_what_is_found_is_proved_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that errs proves nothing."""
    wrong = Lemma("never", "nothing is granted", negate(s.noted))
    monkeypatch.setattr(houdini, "find", lambda *given: (wrong,))
    find_no_run(monkeypatch)
    assert prove(OFF, named("unique")).verdict == "unknown"


def test_lemmas_are_read_as_they_were_written(tmp_path: Path) -> None:
    known = candidates.known(system.vocabulary(OFF))
    every = (*known, *candidates.guarded(known), *candidates.orders(system.vocabulary(OFF)))
    assert len({lemma.name for lemma in every}) == len(every)
    file = tmp_path / "mine.py"
    file.write_text(kept.as_python(every, 'All, in one "file"'), encoding="utf-8")
    read = own.lemmas(str(file))
    task = Task(OFF, named("unique"))
    assert [task.claim(each.name, each.meaning, each.claim) for each in read] == [
        task.claim(each.name, each.meaning, each.claim) for each in every
    ]


def test_what_a_build_lacks_is_no_candidate() -> None:
    everything = {lemma.name for lemma in shipped()}
    there = {lemma.name for lemma in candidates.known(system.vocabulary(OFF))}
    assert everything - there == {"the poll syncs", "who has memory sends nothing on"}
    pull = fences.whole("pull-8780")
    assert {lemma.name for lemma in candidates.known(system.vocabulary(pull))} == everything


HEAD = """
from tsofence.model.language.expr import *
from tsofence.model.language.transition import SELF
from tsofence.model.pd import state as s
from tsofence.specs.lemmas import Lemma
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no Lemma in it"),
        ("L = Lemma('a', '', s.initialised[SELF])", "lemma 'a' speaks of n, which is of a step"),
        ("L = Lemma('a', '', s.NOTE)", "lemma 'a' speaks of note, which is of a step"),
        ("L = Lemma('a', '', s.timestamp)", "expected a condition"),
        ("L = [Lemma('a', '', s.noted), Lemma('a', '', TRUE)]", "two lemmas are called 'a'"),
        (
            "L = Lemma('a', '', forall(lambda a: exists(lambda b: s.physical[a] < s.physical[b], 'b'), 'a'))",
            "says of every server that there is another for it",
        ),
        ("L = 1 / 0", "ZeroDivisionError"),
    ],
)
def test_mistakes_in_a_file_are_one_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(HEAD + text, encoding="utf-8")
    with pytest.raises(OwnError) as error:
        own.lemmas(str(file))
    assert says in str(error.value)
    assert str(error.value).startswith(str(file))
    assert "\n" not in str(error.value)


def ends(*args: str | Path) -> object:
    """The exit status of a command."""
    with pytest.raises(SystemExit) as end:
        main([*map(str, args)])
    return end.value.code


def test_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, json_to = tmp_path / "mine.py", tmp_path / "found.json"
    asked = ("prove", "--fence", "off", "--property", "key-monotone", "--quiet")
    assert ends(*asked, "--keep-lemmas", file) == 0
    assert ends(*asked, "--lemmas", file, "--json", json_to) == 0
    (found,) = json.loads(json_to.read_text(encoding="utf-8"))["results"]
    assert (found["verdict"], found["lemmas_are"]) == ("proved", "given")
    assert found["lemmas"][0]["name"] == "save grows"
    assert ends(*asked, "--lemmas", tmp_path / "none.py") == 2
    file.write_text(HEAD + "L = Lemma('a', '', Expr('var', BOOL, name='mine'))", encoding="utf-8")
    assert ends(*asked, "--lemmas", file) == 2
    missing, strange = capsys.readouterr().err.splitlines()
    assert "none.py: cannot be read" in missing
    assert "lemma 'a' speaks of a variable that off has not" in strange


@pytest.mark.large
def test_a_fence_that_nobody_has_proved_and_that_does_not_hold() -> None:
    """Two that do, `commit_only.py` and `go_on_from.py`, are proved by commands of docs/lemmas.md."""
    fence = fences.whole(fences.take(str(FENCES / "syncs_commit_only.py")))
    found = prove(fence, named("unique"), assume=STAYS)
    assert found.verdict == "violated"
    assert found.counterexample is not None
    assert found.counterexample.reachable
    assert breaks(found.counterexample, named("unique"))


@pytest.mark.large
def test_a_guard_that_is_needed_is_not_replaced_by_lemmas() -> None:
    fence = fences.whole(fences.take(str(FENCES / "go_on_from.py")))
    found = prove(fence, named("unique"), dropped=[("load_window", "key is as gone on from")])
    assert found.verdict == "violated"


def stands_still() -> str:
    """A window may be saved that is no longer than that before: off by one."""
    fence = Variant("stands-still", "a save goes through also where the window stands still")
    for slot in SLOTS:
        longer = s.timestamp <= save.new_window(SELF, slot)
        fence.guard(slot.prefix + "load_window", "window grows", longer)
    return fences.add(fence)


def only_tso_servers_save() -> str:
    fence = Variant("only-tso-servers-save", "no PD begins a save")
    fence.guard("sync_begin", "is a TSO server", s.is_tso[SELF])
    return fences.add(fence)


@pytest.mark.large
@pytest.mark.parametrize(
    ("made", "name", "lemma"),
    [
        (stands_still, "window", "save grows, or equal"),
        (only_tso_servers_save, "single-writer", "no PD has stage read"),
    ],
)
def test_what_others_say_of_no_fence_is_found(made: Callable[[], str], name: str, lemma: str) -> None:
    found = houdini.find(fences.whole(made()), named(name))
    assert found is not None
    assert lemma in names(found)
    whole, prop = fences.whole(made()), named(name)
    decided = Induction(whole, prop, given=found).decide()
    assert {each.obligation.result for each in decided} == {"proved"}
    fewer = Induction(whole, prop, given=[each for each in found if each.name != lemma]).decide()
    assert any(each.obligation.result != "proved" for each in fewer)


def test_weaker_lemmas_follow_and_nevers_are_of_one_value() -> None:
    grows = lemmas(OFF, "key-monotone")
    (weaker,) = candidates.weaker(grows)
    assert not list(candidates.weaker([weaker]))
    assert not list(candidates.weaker([Lemma("nothing", "", s.noted)]))
    there = {each.name for each in candidates.nevers(system.vocabulary(OFF))}
    assert {"no PD has role down", "no TSO server has promoted true"} <= there
    assert not any("skew" in name or "is_tso" in name for name in there)
