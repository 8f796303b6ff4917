"""The fences by name, joined with ``+``: those that come with tsofence, and those of somebody's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, reduce
from itertools import chain
from pathlib import Path
from typing import Literal

from ..behaviours import known as behaviours
from ..builds import known as builds
from ..language.choice import no_such
from ..language.expr import Expr
from ..language.reconfigured import reconfigured
from ..language.rolling import ROLLING, Rolling, upgrading
from ..language.transition import Rule, Transition
from ..language.variant import Variant, VariantError
from ..pd import election, state, system
from . import (
    check_tso_primary,
    dynamic_8780,
    etcd_transfer,
    first_save_only,
    hook,
    off,
    own,
    save_cas,
    wait_out,
    window_lease,
    yielded_flag,
)
from .own import OwnError

#: those that come with tsofence
SHIPPED: dict[str, Variant] = {
    module.fence.name: module.fence
    for module in (
        off,
        check_tso_primary,
        first_save_only,
        hook,
        yielded_flag,
        etcd_transfer,
        dynamic_8780,
        save_cas,
        window_lease,
        wait_out,
    )
}

#: the name of no fence
NONE = off.fence.name

#: the rows of `explore --all-fences`
ALL = (*SHIPPED, "save-cas+window-lease+wait-out")

#: what is compared where nobody names a fence: PD before the pull, and with it
DEFAULTS = (NONE, check_tso_primary.fence.name)

#: the steps in which a process starts
STARTS = (
    election.restart.name,
    upgrading(election.restart.name),
    election.restart_in_other_mode.name,
)

#: what a file of somebody's own is
What = Literal["fence", "build"]
#: those of somebody's own, and the files that they come from; None: only this process knows them
_OWN: dict[What, dict[str, tuple[Variant, str | None]]] = {"fence": {}, "build": {}}


def known() -> tuple[str, ...]:
    """Every name that there is."""
    return (*SHIPPED, *_OWN["fence"])


def known_builds() -> dict[str, Variant]:
    """Every build that there is."""
    return builds.SHIPPED | {name: variant for name, (variant, _) in _OWN["build"].items()}


@cache
def shipped_rules() -> Mapping[str, Rule]:
    """Every transition by name, of any build and fence that comes with tsofence."""
    shipped = (*(of_build(build, NONE) for build in builds.SHIPPED), *SHIPPED)
    return {rule.name: rule for name in shipped for rule in system.rules(whole(name))}


def every_step() -> Iterator[Transition]:
    """What any build does, and under any fence, own ones as well."""
    return _steps((*known_builds(),), known())


def _steps(of_builds: Iterable[str], of_fences: Iterable[str]) -> Iterator[Transition]:
    for name in (*(of_build(build, NONE) for build in of_builds), *of_fences):
        yield from system.transitions(whole(name))


def own_rules() -> tuple[Rule, ...]:
    """The transitions that they add."""
    base = {rule.name for rule in system.RULES}
    every = chain.from_iterable(of_them.values() for of_them in _OWN.values())
    each = (made.rule for variant, _ in every for made in system.transitions(variant))
    return tuple(rule for rule in each if rule.name not in base)


def files(what: What) -> tuple[str, ...]:
    """The files of somebody's own, for another process to `take`."""
    return tuple(path for _, path in _OWN[what].values() if path is not None)


def add(variant: Variant, what: What = "fence") -> str:
    """The name of a variant that this process alone has; it takes the place of an earlier one of that name.

    Raises:
        ValueError: a name that something else has, or a variant that speaks of what is not there.
    """
    _allow(variant.name, "this process", what)
    _check(variant)
    _OWN[what][variant.name] = variant, None
    return variant.name


def is_here(name: str) -> bool:
    """Does only this process know a part of a name?"""
    here = {own for of_them in _OWN.values() for own, (_, path) in of_them.items() if path is None}
    return not here.isdisjoint(name.split("+"))


def take(asked: str, what: What = "fence") -> str:
    """Names joined with ``+``, of which some are files (``./mine.py``): these by the names of their variants.

    Raises:
        ValueError: a file that cannot be used; the message is one line.
    """
    return "+".join(_take(part, what) if part.endswith(own.SUFFIX) else part for part in asked.split("+"))


def _take(path: str, what: What) -> str:
    found = own.variant(path, what)
    _allow(found.name, path, what)
    with own.blaming(path):
        _check(found)
    _OWN[what][found.name] = found, path
    return found.name


def _check(variant: Variant) -> None:
    """What it speaks of is there, be it a variable of what servers do under some fault only.

    Raises:
        VariantError: not so.
    """
    everything = behaviours.behaving(variant)
    ours = (each.name for each in vars(state).values() if isinstance(each, Expr) and each.op == "param")
    theirs = (name for shipped in SHIPPED.values() for name in shipped.constants)
    faults = {fault for rule in shipped_rules().values() for fault in (rule.budget, rule.needs) if fault}
    variant.check(system.transitions(everything), system.vocabulary(everything), {*ours, *theirs}, faults)


def _allow(name: str, path: str, what: What) -> None:
    if (
        name in (*SHIPPED, *builds.SHIPPED)
        or any(each in name for each in ("+", ROLLING))
        or not name.strip()
    ):
        raise OwnError(f"{path}: expected a name of its own for the {what}, not {name!r}; choose another")
    for other, of_them in _OWN.items():
        if name not in of_them:
            continue
        theirs = of_them[name][1] or "this process"
        if other != what or Path(theirs).resolve() != Path(path).resolve():
            raise OwnError(f"{path}: {theirs} has a {other} {name!r}, too; choose another name")


def of_build(build: str, fence: str) -> str:
    """The name of a build with a fence: the default build's is that of the fence."""
    if build == builds.DEFAULT:
        return fence
    return build if fence == NONE else f"{build}+{fence}"


def parted(name: str) -> tuple[str, str]:
    """The build and the fence of such a name."""
    first, _, rest = name.partition("+")
    is_build = first in known_builds() or ROLLING in first
    return (first, rest or NONE) if is_build else (builds.DEFAULT, name)


def build(name: str) -> Variant:
    """The build of that name, or the rolling upgrade from one to another.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    there = known_builds()
    if ROLLING in name:
        return parse(name)
    if name not in there:
        raise ValueError(
            f"{no_such('build', name, there, 'tsofence list builds')}; one of your own is a file: "
            "--build ./mine.py"
        )
    return there[name]


def whole(name: str) -> Variant:
    """The build and fence of that name, with all that its servers may do.

    Raises:
        ValueError: an unknown name, or two that exclude each other; the message says what there is.
    """
    return behaviours.behaving(parse(name))


def configured(variant: Variant, constants: Mapping[str, int]) -> Variant:
    """The variant, whose servers are started with other settings as constants of theirs say; itself if none
    do."""
    return reconfigured(variant, constants, STARTS)


def parse(name: str) -> Variant:
    """The fence of that name, on the build that it begins with (``release-8.5+save-cas``), if any; a rolling
    upgrade (``release-8.5..pull-10473-base+save-cas``) ends with the fence.

    Raises:
        ValueError: an unknown name, or two that exclude each other; the message says what there is.
    """
    of, fence = parted(name)
    before, rolls, after = of.rpartition(ROLLING)
    if rolls:
        if ROLLING in before:
            raise ValueError(f"a rolling upgrade is from one build to another: expected two, not {of!r}")
        build(before), build(after)
        return Rolling(name, parse(before), parse(of_build(after, fence)), election.restart.name)
    made = [] if of == builds.DEFAULT else [build(of)]
    if not made or fence != NONE:
        made += _fences(fence)
    return reduce(Variant.joined, made)


def _fences(name: str) -> list[Variant]:
    parts = name.split("+")
    there = SHIPPED | {own_name: variant for own_name, (variant, _) in _OWN["fence"].items()}
    unknown = [part for part in parts if part not in there]
    if unknown:
        raise ValueError(
            f"{no_such('fence', unknown[0], there, 'tsofence list fences')}; join several with +; one of "
            "your own is a file: --fence ./mine.py"
        )
    if len(parts) > 1 and NONE in parts:
        raise ValueError("fence off means no fence; it cannot be joined with another")
    if len(parts) != len(set(parts)):
        raise ValueError(f"fence {name!r} names one of its parts twice; name each once")
    return [there[part] for part in parts]


def systems(
    of_builds: Sequence[str],
    of_fences: Sequence[str],
    default: Sequence[str],
    dropped: Iterable[tuple[str, str]],
) -> list[str]:
    """The names of all builds with all fences; a build with none, if no fence is asked for.

    Raises:
        VariantError: a build and a fence that exclude each other.
        ValueError: an unknown name, or a guard to drop that there is not.
    """
    for each in of_builds:
        build(each)
    under = of_fences or ([NONE] if of_builds else default)
    names = [of_build(each, fence) for each in of_builds or [builds.DEFAULT] for fence in under]
    for name in names:
        try:
            system.transitions(whole(name), dropped)
        except VariantError as error:
            raise VariantError(f"{name}: {error}") from None
        except KeyError as error:
            raise ValueError(f"under {name}: {error.args[0]}") from None
    return list(dict.fromkeys(names))
