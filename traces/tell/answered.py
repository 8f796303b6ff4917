"""Who led when, and what people ask: a table of terms and a short answer to each question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from ..output.terminal import clean
from ..questions.answer import Answer, clock, many
from ..questions.ask import Asked
from ..questions.terms import Term, Terms
from ..sources.observation import LogEvent, Where
from . import documents
from .names import Names
from .tables import FewLines, columns, indented

#: how many terms the table lists, and how many lines an answer has, where no details are asked for
_FEW, _LINES = 12, 2
_STYLES = {"yes": "bold", "no": "bold", "unknown": "bold yellow"}


def answered(found: Asked, files: Sequence[str], *, details: bool) -> RenderableType:
    """For the terminal."""
    names = Names(files)
    parts: list[RenderableType] = []
    if found.terms.terms:
        parts += [Text(), _table(found.terms, details=details)]
        if found.clocks:
            parts.append(indented(f"times are {found.clocks}", "yellow"))
    open_: list[Answer] = []
    for answer in found.answers:
        if answer.verdict == "unknown" and not answer.evidence:
            open_.append(answer)
            continue
        parts += [
            *([Text()] if details or answer is found.answers[0] else []),
            *_told(answer, names, details=details),
        ]
    if open_:
        asked = "; ".join(f"{answer.question.removesuffix('?')}: {answer.text}" for answer in open_)
        not_told = Text(clean(f"Not told: {asked}"), style="yellow")
        parts += [Text(), not_told] if details else [FewLines(not_told, _LINES)]
        commands = dict.fromkeys(answer.decided_by for answer in open_ if answer.decided_by)
        parts += [indented(f"decide it: {command}", "yellow") for command in commands if details]
    return Group(*parts)


def _told(answer: Answer, names: Names, *, details: bool) -> Iterator[RenderableType]:
    text = Text(clean(answer.question[0].upper() + answer.question[1:]), style="bold")
    asks_what = answer.question.startswith(("why", "who")) and answer.verdict != "unknown"
    text.append(" " if asks_what else f" {answer.verdict}: ", style=_STYLES[answer.verdict])
    text.append(clean(answer.text) + ".", style="")
    yield text if details else FewLines(text, _LINES)
    if answer.doubtful is not None:
        low, high = answer.doubtful
        yield indented(f"in doubt: timestamps from {low} to {high}", "")
    if answer.evidence and details:
        places = (names.place(each.file, each.line) for each in answer.evidence[:3])
        yield indented(", ".join(places), "dim")
    if answer.decided_by:
        yield indented(f"decide it: {answer.decided_by}", "yellow")


def _table(terms: Terms, *, details: bool) -> RenderableType:
    revision = ["revision"] if details else []
    table = columns("server", "elected (UTC)", *revision, "window", "until", "why it ended")
    for column in table.columns[1:-1]:
        column.no_wrap = True
    shown = terms.terms if details else terms.terms[:_FEW]
    for term in shown:
        stop = _stop(term)
        refused = f"{many(len(term.refused), 'save')} refused" if term.refused else ""
        table.add_row(
            clean(term.server.rpartition("://")[2]),
            _at(term.won.at_ns) if term.won else "before",
            *([str(term.revision or "")] if details else []),
            _window(next(iter(term.syncs), None)),
            _at(stop.at_ns) if stop else "not told",
            clean("; ".join(filter(None, (term.why, "" if "refused" in term.why else refused)))),
        )
    more = len(terms.terms) - len(shown)
    return Group(table, indented(f"and {many(more, 'term')} more (--details)", "dim")) if more else table


def _stop(term: Term) -> LogEvent | None:
    """The line with which it stopped to grant; else the one that ends its term."""
    spans = list(term.spans)
    return (spans[-1][1] if spans else None) or term.end


def _window(sync: LogEvent | None) -> str:
    """From the end of the window that it read to the end of the one that it saved: no times of the sync."""
    read, saved = ("", "") if sync is None else (_at(sync.last_ns), _at(sync.save_ns))
    if read and saved:
        return f"{read} to\n{saved}"
    return f"to {saved}" if saved else read and f"from {read}"


def _at(ns: int | None) -> str:
    return "" if ns is None else clock(ns)


def answers(found: Asked) -> list[documents.Answered]:
    """The answers, for scripts."""
    return [
        documents.Answered(
            question=answer.question,
            verdict=answer.verdict,
            answer=answer.text,
            evidence=[_spot(each) for each in answer.evidence],
            decided_by=answer.decided_by or None,
            doubtful=None if answer.doubtful is None else list(answer.doubtful),
        )
        for answer in found.answers
    ]


def terms(found: Asked) -> list[documents.Led]:
    """Who led when, for scripts."""
    return [_led(found.terms, term) for term in found.terms.terms]


def _led(terms: Terms, term: Term) -> documents.Led:
    sync = next(iter(term.syncs), None)
    stop = _stop(term)
    next_ = terms.after(term)
    return documents.Led(
        server=term.server,
        service=term.service.value,
        elected_ns=term.won.at_ns if term.won else None,
        revision=term.revision,
        loaded_ns=sync.last_ns if sync else None,
        saved_ns=sync.save_ns if sync else None,
        from_ns=sync.next_ns if sync else None,
        ready_ns=term.ready.at_ns if term.ready else None,
        until_ns=stop.at_ns if stop else None,
        why=term.why or None,
        refused=len(term.refused),
        refused_why=sorted({line.refusal.value for line in term.refused if line.refusal}),
        cleared=_spot(term.cleared.where) if term.cleared else None,
        next=next_.server if next_ else None,
        line=_spot((term.won or term.first).where),
    )


def _spot(where: Where) -> documents.Spot:
    return documents.Spot(file=where.file, line=where.line)
