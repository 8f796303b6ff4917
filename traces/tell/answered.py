"""Who led when, and what people ask: a table of terms and a short answer to each question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from ..output.terminal import clean
from ..questions.answer import Answer, clock, many
from ..questions.ask import Asked
from ..questions.terms import Term, Terms
from ..sources.observation import LogEvent, Where
from .names import Names
from .tables import columns, indented

#: how many terms the table lists
_FEW = 12
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
        parts += [Text(), *_told(answer, names)]
    if open_:
        asked = "; ".join(f"{answer.question.removesuffix('?')}: {answer.text}" for answer in open_)
        parts += [Text(), Text(clean(f"Not told: {asked}"), style="yellow")]
        commands = dict.fromkeys(answer.decided_by for answer in open_ if answer.decided_by)
        parts += [indented(f"decide it: {command}", "yellow") for command in commands]
    return Group(*parts)


def _told(answer: Answer, names: Names) -> Iterator[RenderableType]:
    text = Text(clean(answer.question[0].upper() + answer.question[1:]), style="bold")
    asks_what = answer.question.startswith(("why", "who")) and answer.verdict != "unknown"
    text.append(" " if asks_what else f" {answer.verdict}: ", style=_STYLES[answer.verdict])
    text.append(clean(answer.text) + ".", style="")
    yield text
    if answer.doubtful is not None:
        low, high = answer.doubtful
        yield indented(f"in doubt: timestamps from {low} to {high}", "")
    if answer.evidence:
        places = (names.place(each.file, each.line) for each in answer.evidence[:3])
        yield indented(", ".join(places), "dim")
    if answer.decided_by:
        yield indented(f"decide it: {answer.decided_by}", "yellow")


def _table(terms: Terms, *, details: bool) -> RenderableType:
    table = columns("server", "elected (UTC)", "revision", "synced from, to", "until", "why it ended")
    for column in table.columns[1:5]:
        column.no_wrap = True
    shown = terms.terms if details else terms.terms[:_FEW]
    for term in shown:
        sync = next(iter(term.syncs), None)
        window = "" if sync is None else "\n".join(filter(None, map(_at, (sync.last_ns, sync.save_ns))))
        stop = _stop(term)
        refused = f"{many(len(term.refused), 'save')} refused" if term.refused else ""
        table.add_row(
            clean(term.server.rpartition("://")[2]),
            _at(term.won.at_ns) if term.won else "before",
            "" if term.revision is None else str(term.revision),
            window,
            _at(stop.at_ns) if stop else "not told",
            clean("; ".join(filter(None, (term.why, "" if "refused" in term.why else refused)))),
        )
    more = len(terms.terms) - len(shown)
    return Group(table, indented(f"and {many(more, 'term')} more (--details)", "dim")) if more else table


def _stop(term: Term) -> LogEvent | None:
    """The line with which it stopped to grant; else the one that ends its term."""
    spans = list(term.spans)
    return (spans[-1][1] if spans else None) or term.end


def _at(ns: int | None) -> str:
    return "" if ns is None else clock(ns)


def answers_json(found: Asked) -> dict[str, Any]:
    """For scripts."""
    return {
        "answers": [
            {
                "question": answer.question,
                "verdict": answer.verdict,
                "answer": answer.text,
                "evidence": [_place(each) for each in answer.evidence],
                "decided_by": answer.decided_by or None,
                "doubtful": None if answer.doubtful is None else list(answer.doubtful),
            }
            for answer in found.answers
        ],
        "terms_by_clock": found.clocks or None,
        "terms": [_term_json(found.terms, term) for term in found.terms.terms],
    }


def _term_json(terms: Terms, term: Term) -> dict[str, Any]:
    sync = next(iter(term.syncs), None)
    stop = _stop(term)
    next_ = terms.after(term)
    return {
        "server": term.server,
        "service": term.service.value,
        "elected_ns": term.won.at_ns if term.won else None,
        "revision": term.revision,
        "loaded_ns": sync.last_ns if sync else None,
        "saved_ns": sync.save_ns if sync else None,
        "from_ns": sync.next_ns if sync else None,
        "ready_ns": term.ready.at_ns if term.ready else None,
        "until_ns": stop.at_ns if stop else None,
        "why": term.why or None,
        "refused": len(term.refused),
        "refused_why": sorted({line.refusal.value for line in term.refused if line.refusal}),
        "cleared": _place(term.cleared.where) if term.cleared else None,
        "next": next_.server if next_ else None,
        "line": _place((term.won or term.first).where),
    }


def _place(where: Where) -> dict[str, Any]:
    return {"file": where.file, "line": where.line}
