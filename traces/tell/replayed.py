"""What is said of a recording, or of a run file that is judged again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import starmap
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from ...specs import liveness
from ..explain.conformance import FenceVerdict
from ..explain.replay import NOT_USED, Report
from ..explain.shrinking import Shrunk
from ..output.terminal import clean
from ..runs.rerun import Rerun
from ..sources.naming import Places
from ..sources.observation import Call, KeyEvent, Observation
from ..sources.offsets import ANYTHING
from ..sources.offsets import told as ahead_by
from ..sources.settings import Name
from ..sources.trace import WATCHES, Source
from ..story.stopped import what_stands_there, why_it_stops
from .names import Names as _Names
from .shown import Next, next_steps
from .summary import Outcome, sentence
from .tables import FewLines, columns, files_written, indented, said, style_of, verdict_text

#: how many steps a table lists
_FEW = 12
#: how many servers or clients it names beside a file
_FEW_HOSTS = 3
#: how many clocks are compared, at least
_FEW_CLOCKS = 2
#: kinds of files, where there are several
_MANY = {
    "etcd watch": "etcd watches",
    "PD log": "PD logs",
    "TSO log": "TSO logs",
    "client log": "client logs",
}
#: the settings, in words, and how many of their units make a second
_SETTINGS: dict[Name, tuple[str, float]] = {
    "save_interval_ns": ("save interval", 1e9),
    "update_interval_ns": ("update interval", 1e9),
    "lease_s": ("lease", 1),
}


def replayed(
    found: Report,
    written: Mapping[tuple[str, str], str],
    *,
    details: bool,
    places: Places | None = None,
    cause: Sequence[str] = (),
) -> RenderableType:
    """The short answer, what is violated and how it shows, and what all that was taken from.

    ``places``: which server is at which address; ``cause``: who did what when and why, in sentences.
    """
    names = _Names([source.file for source in found.sources])
    parts: list[RenderableType] = [*_missing(found, names), _sentence(found)]
    parts += _of_fences(found.fences, names)
    parts += said(
        (verdict.fence, names.within(verdict.note), "dim") for verdict in found.fences if verdict.note
    )
    parts += [Text(), *(Text(clean(f"· {each}")) for each in cause)] if cause else []
    parts += _judged(found, names, details=details)
    shown = [judgement for judgement in found.properties if judgement.witness is not None]
    for judgement in shown if details else shown[:1]:
        parts.append(Text(f"\n{judgement.property}, as seen:", style="bold"))
        parts += [
            indented(observed(seen, names, places), "") for seen in dict.fromkeys(judgement.witness or ())
        ]
    notes = [note for note in found.notes if details or not note.startswith(NOT_USED)]
    parts += [Text(), *(indented(names.within(note), "yellow") for note in notes)]
    parts += _assumed(found, names)
    parts.append(_settings(found, names))
    build = _build(found, names)
    parts += [build, _sources(found, names)] if details else [FewLines(build, 1), _few_sources(found)]
    if details or any(clock.doubtful for clock in found.clocks.clocks):
        parts += _clocks(found, names)
    if places and (known := places.by_server()):
        told = ", ".join(f"{name} = {' '.join(urls)}" for name, urls in known.items())
        parts.append(Text(clean(f"servers: {told}"), style="dim"))
    return Group(*parts, *files_written(written))


def what_next(found: Report, again: Sequence[str], *, details: bool) -> RenderableType:
    """One or two commands that fit the result; ``again``: how it was asked for."""
    steps = []
    if any(judgement.verdict == "violated" for judgement in found.properties):
        steps.append(Next(("replay", *again, "--to", "html", "-o", "incident.html"), "who, when, why"))
    if not details:
        steps.append(Next(("replay", *again, "--details"), "all of it"))
    return Group(*next_steps(steps))


def _sentence(found: Report) -> Text:
    """What became of all properties."""
    outcomes = []
    for each in found.properties:
        worst = "" if not each.worst_ms else f", at worst {each.worst_ms} ms"
        times = "once" if each.count == 1 else f"{each.count:,} times"
        measure = f"{times}{worst}" if each.count and each.verdict == "violated" else ""
        outcomes.append(Outcome(each.property, each.verdict, measure))
    return sentence("this recording", outcomes)


def _of_fences(verdicts: Sequence[FenceVerdict], names: _Names) -> Iterator[Text]:
    """Whether it is a behaviour of the system under each fence; if not, where it ends, and what refuses it.

    Fences that are refuted alike have one line.
    """
    refuted: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.conforms is False:
            refuted.setdefault(_where_it_ends(verdict, names), []).append(verdict.fence)
    for verdict in verdicts:
        if verdict.conforms is not False:
            told = Text(clean(verdict.fence), style="bold").append(": ")
            told.append_text(_conforms(verdict.conforms, "conforms"))
            yield told.append("." if verdict.conforms else " whether it conforms.")
            continue
        where = _where_it_ends(verdict, names)
        if alike := refuted.pop(where, []):
            told = Text(clean(", ".join(alike)), style="bold").append(": ")
            told.append_text(_conforms(False, "does not conform" if len(alike) == 1 else "do not conform"))
            yield told.append(f" — {where}" if where else ".")


def _where_it_ends(verdict: FenceVerdict, names: _Names) -> str:
    """The observation that nothing explains, and why not."""
    there = what_stands_there(verdict)
    if verdict.stopped_at is not None:
        revision = "" if verdict.revision is None else f", revision {verdict.revision}"
        place = names.place(verdict.stopped_at.file, verdict.stopped_at.line)
        there = f"{place}{revision}: {there}".rstrip(": ")
    return clean(" ".join(filter(None, (there and f"{there}.", why_it_stops(verdict)))))


def _judged(found: Report, names: _Names, *, details: bool) -> Iterator[RenderableType]:
    """A row a property that is violated or open, and what is to be said of it; the others have a line."""
    rest = () if details else ("holds", "vacuous")
    table = columns("property", "verdict", "count", "worst", "from, to (UTC)")
    for judgement in found.properties:
        if judgement.verdict in rest:
            continue
        times = (_clock(judgement.from_ns), _clock(judgement.to_ns))
        table.add_row(
            judgement.property,
            verdict_text(judgement.verdict),
            f"{judgement.count:,}" if judgement.count else "",
            "" if judgement.worst_ms is None else f"{judgement.worst_ms} ms",
            " to ".join(filter(None, times)),
        )
    if table.row_count:
        yield Text()
        yield table
    told = [each for each in found.properties if each.note and each.verdict not in rest]
    yield from said((each.property, names.within(each.note), "") for each in told)
    for verdict in rest:
        these = [each for each in found.properties if each.verdict == verdict]
        if these:
            text = ", ".join(each.property for each in these)
            why = " (--details says why)" if any(each.note for each in these) else ""
            yield Text(f"{verdict}: ", style=style_of(verdict)).append(clean(text) + why, style="dim")


def _missing(found: Report, names: _Names) -> Iterator[RenderableType]:
    """What was not read, a line for each file."""
    for source in found.sources:
        name = names.short(source.file)
        if source.unread is not None:
            yield Text(f"{name} was not read: {'; '.join(map(clean, source.reasons))}", style="bold yellow")
        elif not source.whole:
            yield Text(
                f"{name} was not read whole: {'; '.join(map(clean, source.reasons))}", style="bold yellow"
            )


def _assumed(found: Report, names: _Names) -> Iterator[RenderableType]:
    """What was taken for granted where files were read, a line for each."""
    for source in found.sources:
        if source.assumed:
            yield indented(f"{names.short(source.file)}: {source.assumed}", "yellow")


def _few_sources(found: Report) -> Text:
    """How many files of each kind there are, and from when until when they tell."""
    kinds = Counter(_kind(source) for source in found.sources)
    return Text(f"files: {', '.join(starmap(_so_many, kinds.items()))}", style="dim")


def _so_many(kind: str, many: int) -> str:
    """As in: 2 PD logs, 1 with client samples."""
    if kind.endswith("s"):
        return f"{many} with {kind}"
    return f"{many} {kind if many == 1 else _MANY.get(kind, kind)}"


def _kind(source: Source) -> str:
    return "etcd watch" if source.kind in WATCHES else source.kind.value


def _sources(found: Report, names: _Names) -> RenderableType:
    """What became of each file."""
    files = columns("file", "what it is", "of", "from, to (UTC)", "read", "other")
    for each in (files.columns[1], files.columns[3]):
        each.no_wrap = True
    for source in found.sources:
        style = "" if source.whole and source.unread is None else "yellow"
        hosts = [clean(host.removeprefix("http://")) for host in source.hosts]
        of = [*(hosts if len(hosts) <= _FEW_HOSTS else [f"{len(hosts)} hosts"]), *map(clean, source.releases)]
        times = [_clock(at).partition(".")[0] for at in (source.from_ns, source.to_ns) if at is not None]
        files.add_row(
            Text(names.short(source.file), style=style),
            Text(_kind(source), style=style),
            "\n".join(of),
            " ".join(times),
            ", ".join(
                filter(
                    None,
                    (
                        str(source.observations or ""),
                        f"{source.skipped} not" if source.skipped else "",
                        "cut off" if source.truncated else "",
                    ),
                )
            ),
            str(source.other or ""),
        )
    reasons = ((names.short(each.file), reason, "dim") for each in found.sources for reason in each.reasons)
    return Group(files, *said(reasons))


def _clocks(found: Report, names: _Names) -> Iterator[RenderableType]:
    """How far each host's clock is ahead, and how many events tell; nothing where there is one clock."""
    clocks = found.clocks.clocks
    if len(clocks) < _FEW_CLOCKS:
        return
    table = columns("clock of", "ahead by", "told by")
    for clock in clocks:
        style = "yellow" if clock.doubtful else ""
        reference = clock.name == clock.against
        ahead = "the others are told against it" if reference else ahead_by(clock.offset or ANYTHING)
        ahead += "" if clock.steady else ", and it was set"
        events = "" if reference else f"{clock.events} event{'s' * (clock.events != 1)}"
        table.add_row(Text(clean(names.within(clock.name)), style=style), Text(ahead, style=style), events)
    yield table


def _settings(found: Report, names: _Names) -> Text:
    """The settings, and where each comes from; each server's own where they differ."""
    parts: dict[str, list[str]] = {}
    for name, (text, unit) in _SETTINGS.items():
        common, own = found.settings.common(name), found.settings.own(name)
        differ = any(each.value != common.value or each.then for each in own.values())
        shown = [(f" of {clean(who)}", each) for who, each in own.items()] if differ else [("", common)]
        for of, setting in shown:
            told: list[tuple[int | None, str, str]] = [(setting.value, setting.source, "")]
            told += [(each.value, each.source, " since this start") for each in setting.then]
            for number, source, since in told:
                value = "unknown" if number is None else f"{number / unit:g} s"
                least = found.settings.least_lease_s or 0
                if name == "lease_s" and number is not None and number < least:
                    value += f" (etcd grants {least} s)"
                parts.setdefault(names.within(source), []).append(f"{text}{of} {value}{since}")
    return Text("; ".join(f"{', '.join(values)} ({source})" for source, values in parts.items()), style="dim")


def _build(found: Report, names: _Names) -> Text:
    """Which builds the logs are of, and what says so."""
    builds = " or ".join(found.build.names) if found.build.evidence else ""
    return Text(f"build {builds or 'unknown'} ({names.within(found.build.why)})", style="dim")


def shrunk_text(name: str, found: Shrunk | None, under: str) -> RenderableType:
    """Where the part of a recording is that shows a violation; ``under``: options that it needs."""
    if found is None:
        return Text(f"{name}: no part of the recording shows it as the whole does", style="yellow")
    asked = f"; replay it with {under}" if under else ""
    return Text(clean(f"{name}: {found.lines} of {found.of} lines show it, in {found.folder}{asked}"))


def rerun_text(found: Rerun) -> RenderableType:
    """A run file judged again."""
    table = columns("fence", "allows the run", "why not")
    for verdict in found.fences:
        table.add_row(verdict.fence, _conforms(verdict.allows), clean(verdict.refused))
    properties_table = columns("property", "verdict", "broken in step")
    for each in found.properties:
        forever = ", and on forever" if each.steps and each.property in liveness.known() else ""
        steps = _some(each.steps) + forever
        properties_table.add_row(each.property, verdict_text(each.verdict), steps or each.note)
    outcomes = [
        Outcome(each.property, each.verdict, f"in step {each.steps[0]}" if each.steps else "")
        for each in found.properties
    ]
    heading = Text(clean(found.run.title), style="bold")
    return Group(heading, sentence("this run", outcomes), Text(), table, Text(), properties_table)


def left_out(files: Sequence[Path]) -> RenderableType:
    """What stands beside run files, and is neither a run nor a recording."""
    names = ", ".join(clean(file.name) for file in files[:_FEW])
    more = f" and {len(files) - _FEW} more" if len(files) > _FEW else ""
    return Text(f"not read, for they are neither runs nor recordings: {names}{more}", style="yellow")


def _some(steps: Sequence[int]) -> str:
    """The first of them, and how many there are."""
    more = f" and {len(steps) - _FEW} more" if len(steps) > _FEW else ""
    return ", ".join(map(str, steps[:_FEW])) + more


def _conforms(answer: bool | None, word: str = "") -> Text:
    if answer is None:
        return verdict_text("unknown")
    return Text(word or "yes", style="green") if answer else Text(word or "no", style="bold red")


def _clock(ns: int | None) -> str:
    """A wall clock time of day, to the millisecond."""
    if ns is None:
        return ""
    moment = datetime.fromtimestamp(ns // 1_000_000_000, tz=UTC)
    return f"{moment:%H:%M:%S}.{ns // 1_000_000 % 1000:03d}"


def when_of(call: Call) -> str:
    """From when until when a call lasted; where only one of them is known, that alone."""
    if call.untold_start:
        return f"answered at {_clock(call.end_ns)}"
    if call.untold_end:
        return f"asked at {_clock(call.start_ns)}"
    return f"{_clock(call.start_ns)} to {_clock(call.end_ns)}"


def observed(seen: Observation, names: _Names, places: Places | None = None) -> str:
    """One observation in a line."""
    if isinstance(seen, Call):
        own = f"{seen.logical - seen.count + 1} to {seen.logical}" if seen.count > 1 else str(seen.logical)
        when = f", {when_of(seen)}" if seen.timed else ""
        where = names.place(seen.file, seen.line)
        at = f" at {places.of(seen.endpoint) if places else seen.endpoint}" if seen.endpoint else ""
        return f"{where}: {seen.client}{at} got ({seen.physical}, {own}){when}"
    where = names.place(seen.where.file, seen.where.line)
    if isinstance(seen, KeyEvent):
        what = f"timestamp {seen.timestamp_ns}" if seen.timestamp_ns is not None else f"{seen.key.value} key"
        return f"{where}: revision {seen.revision}: {what}"
    return f"{where}: {seen.server} at {_clock(seen.at_ns)}: {seen.text}"
