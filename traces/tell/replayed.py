"""What is said of a recording, or of a run file that is judged again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from ...specs import liveness
from ..explain.conformance import FenceVerdict
from ..explain.replay import Report
from ..explain.shrinking import Shrunk
from ..explain.telling import most_telling
from ..output.terminal import clean
from ..runs.rerun import Rerun
from ..sources.observation import Call, KeyEvent, Observation
from ..sources.offsets import ANYTHING, told
from ..sources.settings import Name
from ..sources.trace import WATCHES
from .names import Names as _Names
from .stopped import what_stands_there
from .tables import columns, files_written, indented, verdict_text

#: how many steps a table lists
_FEW = 12
#: how many servers or clients it names beside a file
_FEW_HOSTS = 3
#: how many clocks are compared, at least
_FEW_CLOCKS = 2
#: the settings, in words, and how many of their units make a second
_SETTINGS: dict[Name, tuple[str, float]] = {
    "save_interval_ns": ("save interval", 1e9),
    "update_interval_ns": ("update interval", 1e9),
    "lease_s": ("lease", 1),
}


def replayed(found: Report, written: Mapping[tuple[str, str], str], *, details: bool) -> RenderableType:
    """What was read, whether it conforms, and which properties it violates."""
    names = _Names([source.file for source in found.sources])
    parts: list[RenderableType] = [*_missing(found, names), _sources(found, names, details=details), Text()]
    parts += _clocks(found, names)
    parts += [_settings(found, names), _build(found, names), Text()]
    fences_table = columns("fence", "conforms", "explanations", "stopped at")
    for verdict in found.fences:
        stopped = ""
        if verdict.stopped_at is not None:
            stopped = names.place(verdict.stopped_at.file, verdict.stopped_at.line)
            stopped += "" if verdict.revision is None else f", revision {verdict.revision}"
        fences_table.add_row(verdict.fence, _conforms(verdict.conforms), str(verdict.explanations), stopped)
    parts.append(fences_table)
    said: dict[tuple[str, str], list[str]] = {}
    for verdict in found.fences:
        for text, style in _said(verdict, names):
            said.setdefault((text, style), []).append(verdict.fence)
    parts += [indented(f"{', '.join(which)}: {text}", style) for (text, style), which in said.items()]
    table = columns("property", "verdict", "count", "worst", "from, to (UTC)", "note")
    for judgement in found.properties:
        when = "" if judgement.from_ns is None else f"{_clock(judgement.from_ns)}\n{_clock(judgement.to_ns)}"
        table.add_row(
            judgement.property,
            verdict_text(judgement.verdict),
            str(judgement.count) if judgement.count else "",
            "" if judgement.worst_ms is None else f"{judgement.worst_ms} ms",
            when,
            names.within(judgement.note),
        )
    parts += [Text(), table]
    for judgement in found.properties:
        if judgement.witness is not None:
            parts.append(Text(f"\n{judgement.property}, as seen:", style="bold"))
            parts += [indented(_observed(seen, names), "") for seen in dict.fromkeys(judgement.witness)]
    parts += [indented(names.within(note), "yellow") for note in found.notes]
    parts += files_written(written)
    return Group(*parts)


def _said(verdict: FenceVerdict, names: _Names) -> Iterator[tuple[str, str]]:
    """What is to be said of a fence, and how: what stands where it ends, and the one guard that tells why."""
    if verdict.note:
        yield names.within(verdict.note), "dim"
    if verdict.conforms is not False:
        return
    there = what_stands_there(verdict)
    if verdict.stopped_at is not None:
        there = f"{names.place(verdict.stopped_at.file, verdict.stopped_at.line)}: {there}".rstrip(": ")
    refused = most_telling(verdict)
    why = (
        ""
        if refused is None
        else f"{refused.transition} of {refused.server or 'etcd'} needs: {refused.guard}"
    )
    yield " -- ".join(filter(None, (there, why))), "red"


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


def _sources(found: Report, names: _Names, *, details: bool) -> RenderableType:
    """What became of each file."""
    headings = ("file", "what it is", "of", "from, to (UTC)", "read")
    files = columns(*headings, *(["other"] if details else []))
    for each in (files.columns[0], files.columns[1], files.columns[3]):
        each.no_wrap = True
    for source in found.sources:
        style = "" if source.whole and source.unread is None else "yellow"
        hosts = [clean(host.removeprefix("http://")) for host in source.hosts]
        of = [*(hosts if len(hosts) <= _FEW_HOSTS else [f"{len(hosts)} hosts"]), *map(clean, source.releases)]
        times = [_clock(at).partition(".")[0] for at in (source.from_ns, source.to_ns) if at is not None]
        files.add_row(
            Text(names.short(source.file), style=style),
            Text("etcd watch" if source.kind in WATCHES else source.kind.value, style=style),
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
            *([str(source.other or "")] if details else []),
        )
        for reason in source.reasons if details else ():
            files.add_row("", Text(clean(reason), style="dim"))
    return files


def _clocks(found: Report, names: _Names) -> Iterator[RenderableType]:
    """How far each host's clock is ahead, and how many events tell; nothing where there is one clock."""
    clocks = found.clocks.clocks
    if len(clocks) < _FEW_CLOCKS:
        return
    table = columns("clock of", "ahead by", "told by")
    for clock in clocks:
        style = "yellow" if clock.doubtful else ""
        reference = clock.name == clock.against
        ahead = "the others are told against it" if reference else told(clock.offset or ANYTHING)
        ahead += "" if clock.steady else ", and it was set"
        events = "" if reference else f"{clock.events} event{'s' * (clock.events != 1)}"
        table.add_row(Text(clean(names.within(clock.name)), style=style), Text(ahead, style=style), events)
    yield table
    yield Text()


def _settings(found: Report, names: _Names) -> RenderableType:
    """The settings, and where each comes from; each server's own where they differ."""
    parts: dict[str, list[str]] = {}
    for name, (text, unit) in _SETTINGS.items():
        common, own = found.settings.common(name), found.settings.own(name)
        differ = any(each.value != common.value for each in own.values())
        shown = [(f" of {clean(who)}", each) for who, each in own.items()] if differ else [("", common)]
        for of, setting in shown:
            value = "unknown" if setting.value is None else f"{setting.value / unit:g} s"
            parts.setdefault(names.within(setting.source), []).append(f"{text}{of} {value}")
    return Text("; ".join(f"{', '.join(values)} ({source})" for source, values in parts.items()), style="dim")


def _build(found: Report, names: _Names) -> RenderableType:
    """Which builds the logs are of, and what says so."""
    builds = " or ".join(found.build.builds) if found.build.evidence else ""
    return Text(f"build {builds or 'unknown'} ({names.within(found.build.why)})", style="dim")


def shrunk_text(name: str, found: Shrunk | None) -> RenderableType:
    """Where the part of a recording is that shows a violation."""
    if found is None:
        return Text(f"{name}: no part of the recording shows it as the whole does", style="yellow")
    return Text(clean(f"{name}: {found.lines} of {found.of} lines show it, in {found.folder}"))


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
    return Group(Text(clean(found.run.title), style="bold"), table, Text(), properties_table)


def left_out(files: Sequence[Path]) -> RenderableType:
    """What stands beside run files, and is neither a run nor a recording."""
    names = ", ".join(clean(file.name) for file in files[:_FEW])
    more = f" and {len(files) - _FEW} more" if len(files) > _FEW else ""
    return Text(f"not read, for they are neither runs nor recordings: {names}{more}", style="yellow")


def _some(steps: Sequence[int]) -> str:
    """The first of them, and how many there are."""
    more = f" and {len(steps) - _FEW} more" if len(steps) > _FEW else ""
    return ", ".join(map(str, steps[:_FEW])) + more


def _conforms(answer: bool | None) -> Text:
    if answer is None:
        return verdict_text("unknown")
    return Text("yes", style="green") if answer else Text("no", style="bold red")


def _clock(ns: int | None) -> str:
    """A wall clock time of day, to the millisecond."""
    if ns is None:
        return ""
    moment = datetime.fromtimestamp(ns // 1_000_000_000, tz=UTC)
    return f"{moment:%H:%M:%S}.{ns // 1_000_000 % 1000:03d}"


def _observed(seen: Observation, names: _Names) -> str:
    """One observation in a line."""
    if isinstance(seen, Call):
        own = f"{seen.logical - seen.count + 1} to {seen.logical}" if seen.count > 1 else str(seen.logical)
        when = f", {_clock(seen.start_ns)} to {_clock(seen.end_ns)}" if seen.timed else ""
        where = names.place(seen.file, seen.line)
        at = f" at {seen.endpoint}" if seen.endpoint else ""
        return f"{where}: {seen.client}{at} got ({seen.physical}, {own}){when}"
    where = names.place(seen.where.file, seen.where.line)
    if isinstance(seen, KeyEvent):
        what = f"timestamp {seen.timestamp_ns}" if seen.timestamp_ns is not None else f"{seen.key.value} key"
        return f"{where}: revision {seen.revision}: {what}"
    return f"{where}: {seen.server} at {_clock(seen.at_ns)}: {seen.text}"
