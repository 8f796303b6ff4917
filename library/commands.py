"""The commands as functions: as on the command line, a keyword an option."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from ..checker.search.explore import MAX_STATES
from ..model.language.instance import REDUCTIONS
from ..model.language.variant import Variant
from ..model.variants import fences
from ..specs import liveness, ranks, scenario
from ..specs import properties as safety
from ..specs.scenario import Scenario
from ..traces.clocks.align import on_one_clock
from ..traces.explain import replay as replaying
from ..traces.page import pages
from ..traces.runs import files
from ..traces.runs.folders import all_runs
from ..traces.runs.rerun import rerun
from ..traces.sources import groups, reading
from ..traces.sources.naming import Places
from ..traces.sources.settings import duration_ns, given
from ..traces.story.explained import asked_of
from . import asked as asking
from . import tables
from .asked import Named
from .results import Explored, Here, Proved, Replayed, Rerun, Run

#: who expands states here: a cluster is for the command line
ENGINES = ("auto", "plain", "native")
_GIB = 1 << 30


def load_scenario(name: str | os.PathLike[str]) -> Scenario:
    """A scenario by its name (`tsofence list scenarios`), or from a file that ends in ``.toml``.

    Raises:
        ScenarioError: there is none, or the file says something else than a scenario.
    """
    return scenario.load(os.fspath(name))


def load_run(path: str | os.PathLike[str]) -> Run:
    """A run from a file that ``--runs`` or `Run.save` wrote; its steps are taken again.

    Raises:
        BadInput: the file is no run, or tells what cannot happen.
    """
    return Run(files.load(tables.path(path)))


def explore(
    world: str | os.PathLike[str] | Scenario = scenario.DEFAULT,
    *,
    fence: Named | Iterable[Named] = (),
    build: Named | Iterable[Named] = (),
    property: str | Iterable[str] = (),  # noqa: A002  # as the command line calls it
    drop: Sequence[tuple[str, str]] = (),
    max_states: int = MAX_STATES,
    memory: float | None = None,
    engine: str = "auto",
    without: Iterable[str] = (),
) -> Explored:
    """Go through every interleaving of a scenario; find the shortest run that breaks each property.

    ``world``: a scenario, its name, or a TOML file. ``fence``, ``build``: one or several, each a name, a
    Python file (``./mine.py``) or a `Fence`; default: those of the scenario, else *off* and
    *check-tso-primary*. ``property``: one or several; default: all of safety, and what liveness the scenario
    is there for. ``drop``: guards to leave out (transition, guard). ``memory``: GiB for all searches
    together. ``engine``: *auto*, *plain* or *native*. ``without``: reductions not to use (*symmetry*,
    *folding*, *merging*).

    Each fence is searched in a process of its own; one that stands in no file is searched in this one.

    Raises:
        ValueError: something of that name is not there, or a number is out of range.
        OSError: no process can be started.
        SearchFault: a fault of tsofence.
        KeyboardInterrupt: Ctrl-C; no process is left.
    """
    from ..checker.processes.alone import explore_alone
    from ..checker.processes.matrix import explore_all

    found_world = world if isinstance(world, Scenario) else load_scenario(world)
    names, here = _systems(fence, build, found_world.fences or fences.DEFAULTS, drop)
    asked = asking.properties(property, (*safety.NAMES, *found_world.liveness))
    left_out = asking.texts(without)
    _among("engine", [engine], ENGINES)
    _among("without", left_out, REDUCTIONS)
    if max_states < 1 or (memory is not None and not memory > 0):
        raise ValueError("expected max_states and memory above 0")
    bytes_ = None if memory is None else max(1, int(memory * _GIB))
    reductions = [name for name in REDUCTIONS if name not in left_out]
    if any(map(fences.is_here, names)):
        found = [
            explore_alone(
                found_world,
                name,
                asked,
                max_states,
                memory=bytes_,
                engine=engine,
                reductions=reductions,
                dropped=drop,
            )
            for name in names
        ]
    else:
        found = explore_all(
            found_world,
            names,
            asked,
            max_states,
            memory=bytes_,
            engine=engine,
            reductions=reductions,
            dropped=drop,
            progress=lambda _, __: None,
            done=lambda _: None,
        )
    _heed(cut for each in found for cut in each.cut_by)
    _heed(finding.note for each in found for finding in each.findings)
    return Explored(found_world, found, drop, here)


def prove(
    *,
    fence: Named | Iterable[Named] = (),
    build: Named | Iterable[Named] = (),
    property: str | Iterable[str] = (),  # noqa: A002  # as the command line calls it
    drop: Sequence[tuple[str, str]] = (),
    assume: Iterable[str] = (),
    nodes: int | None = None,
) -> Proved:
    """Prove properties for any number of servers and unbounded time.

    ``assume``: what to take for granted, by name (`tsofence prove --help` lists them). ``nodes``: for so many
    servers only. The others as for `explore`; properties are those of safety; of liveness ``ready`` can be
    asked for.

    Raises:
        ValueError: something of that name is not there, or ``nodes`` is less than one.
        KeyboardInterrupt: Ctrl-C.
    """
    from ..checker.proof.prove import prove_all

    names, here = _systems(fence, build, fences.DEFAULTS, drop)
    asked = asking.properties(property, safety.NAMES)
    found = prove_all(
        [(system, ranks.provable(prop)) for system in map(fences.whole, names) for prop in asked],
        assume=asking.texts(assume),
        dropped=drop,
        nodes=nodes,
    )
    _heed(each.note for each in found)
    return Proved(found, here)


def replay(
    *paths: str | os.PathLike[str],
    fence: Named | Iterable[Named] = (),
    build: Named | Iterable[Named] = (),
    property: str | Iterable[str] = (),  # noqa: A002  # as the command line calls it
    drop: Sequence[tuple[str, str]] = (),
    save_interval: str | None = None,
    update_interval: str | None = None,
    lease: int | None = None,
    group: int = groups.DEFAULT,
    witnesses: int = 0,
) -> Replayed | Rerun:
    """Judge what a cluster did: etcd watch streams, PD and TSO logs, client samples; or run files.

    ``fence``, ``build``: of which the recording should be a behaviour; default: what its logs tell.
    ``save_interval``, ``update_interval`` (``"3s"``) and ``lease`` (seconds): where it does not tell.
    ``group``: the keyspace group to judge. ``witnesses``: how many pairs that show a violation are named.

    Raises:
        ValueError: something of that name is not there, or no path is given.
        BadInput: a file cannot be read, or the files cannot be judged together.
        KeyboardInterrupt: Ctrl-C.
    """
    if not paths:
        raise ValueError("expected a recording: files or folders")
    places = [tables.path(each) for each in paths]
    names, here = _systems(fence, build, fences.DEFAULTS, drop)
    chosen = names if fence or build else []
    asked = asking.properties(property, ())
    runs = all_runs(places)
    if runs.files:
        return Rerun({str(file): rerun(files.load(file), chosen, asked) for file in runs.files})
    unheard = sorted(set(asked) & set(liveness.known()) - set(replaying.NAMES))
    if unheard:
        raise ValueError(f"{', '.join(unheard)}: only a run file can be asked for that")
    settings = given(
        save_interval_ns=_duration("save_interval", save_interval),
        update_interval_ns=_duration("update_interval", update_interval),
        lease_s=lease,
    )
    trace = reading.read(places, given=settings, group=group)
    found = replaying.replay(trace, chosen, properties=asked or None, dropped=drop, witnesses=witnesses)
    _heed(each.note for each in found.fences)
    aligned = on_one_clock(trace, found.clocks)
    because = pages.first_cause(aligned, found)
    return Replayed(found, asked_of(aligned, found), Places(trace), here, because)


def _systems(
    fence: Named | Iterable[Named],
    build: Named | Iterable[Named],
    default: Sequence[str],
    drop: Sequence[tuple[str, str]],
) -> tuple[list[str], Here]:
    """The systems asked for, and what of them stands in no file."""
    of_fences, of_builds = asking.named(fence), asking.named(build)
    here: list[tuple[Variant, fences.What]] = [
        *((each, "build") for each in of_builds if isinstance(each, Variant)),
        *((each, "fence") for each in of_fences if isinstance(each, Variant)),
    ]
    names = fences.systems(
        asking.variants(of_builds, "build"), asking.variants(of_fences, "fence"), default, drop
    )
    return names, tuple(here)


def _among(what: str, found: Iterable[str], there: Sequence[str]) -> None:
    for each in found:
        if each not in there:
            raise ValueError(f"unknown {what} {each!r}; choose from {', '.join(there)}")


def _duration(what: str, text: str | None) -> int | None:
    if text is None:
        return None
    found = duration_ns(text)
    if not found:
        raise ValueError(f"{what}: expected a time such as 3s or 50ms, got {text!r}")
    return found


def _heed(notes: Iterable[str]) -> None:
    """What a command line tells with what it has found by then ends a caller's program here."""
    if any(note.startswith("interrupted") for note in notes):
        raise KeyboardInterrupt
