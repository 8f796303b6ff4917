"""Has this version the bug: those of docs/history.md, the releases that have them, their signs in a trace.

Releases by the commits of the fixes and their picks in tikv/pd's tags; a release that is not listed has the
fix or not the code. 9.0.0 is two betas: it has what both have. Of a build without a release its code was read
(docs/history.md, model/builds).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..judge.judgement import Judgement
from ..sources.builds import Recognised
from ..sources.observation import LogStep, Refusal, Service, Where
from ..sources.trace import Trace
from .answer import VERSION, Answer, many
from .backwards import short
from .terms import Terms

QUESTION = "has this version a known bug?"
_COMMITS_LATER = re.compile(r"-\d+-g[0-9a-f]{7,40}$")
_RELEASE = re.compile(r"v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})(-.*)?", re.ASCII)

_Number = tuple[int, int, int]
_Sign = Callable[[Trace, Terms], tuple[str, Where] | None]


@dataclass(frozen=True, slots=True)
class Bug:
    """An issue of tikv/pd; `releases`: the first and the last that have it, of each line; `builds`: others.

    `tso`: it takes a TSO server. `sign`: how a trace shows it, and where; None: no line does. `plain`: the
    sign is the bug itself; else it may have another cause. `violates`: the property whose violation shows it,
    in a version that has it; empty: a violation of any may have another cause.
    """

    issue: int
    what: str
    releases: tuple[tuple[_Number, _Number], ...]
    builds: tuple[str, ...] = ()
    tso: bool = False
    sign: _Sign | None = None
    plain: bool = False
    violates: str = ""


def _cleared(trace: Trace, terms: Terms) -> tuple[str, Where] | None:
    """The memory is cleared after the sync of the term."""
    for term in terms.terms:
        if term.cleared is not None:
            return f"{short(term.server)} cleared its memory after the sync of its term", term.cleared.where
    return None


def _cleared_primary(trace: Trace, terms: Terms) -> tuple[str, Where] | None:
    """The same, of a TSO primary."""
    for term in terms.terms:
        if term.service is Service.TSO and term.cleared is not None:
            return f"{short(term.server)} cleared its memory after the sync of its term", term.cleared.where
    return None


def _to_itself(trace: Trace, terms: Terms) -> tuple[str, Where] | None:
    for line in trace.logs:
        source, _, target = line.text.partition(" -> ")
        if line.step is LogStep.TRANSFER and source and source == target:
            return f"a transfer named the primary itself ({line.text})", line.where
    return None


def _both(trace: Trace, terms: Terms) -> tuple[str, Where] | None:
    """A PD was refused a save because a TSO server had saved."""
    for line in trace.logs:
        if line.service is Service.PD and line.refusal is Refusal.NOT_GREATER and _led(terms, Service.TSO):
            return f"{short(line.server)} and a TSO server both saved", line.where
    return None


def _led(terms: Terms, service: Service) -> bool:
    return any(term.service is service for term in terms.terms)


def _not_elected(trace: Trace, terms: Terms) -> tuple[str, Where] | None:
    for line in terms.strays:
        if line.step is LogStep.SYNC_SAVED:
            return f"{short(line.server)} saved while no line says that it was elected", line.where
    return None


_BETA = ((9, 0, 0), (9, 0, 0))
_MARCH_26 = ((26, 3, 0), (26, 3, 999))
_SINCE_7_1 = ((7, 1, 0), (8, 5, 999))
#: those that a release has, by issue
BUGS = (
    Bug(
        4884,
        "an update under way at a reset sets the memory after it, and the next term answers from it",
        (
            ((5, 0, 0), (5, 0, 6)),
            ((5, 1, 0), (5, 1, 4)),
            ((5, 2, 0), (5, 2, 4)),
            ((5, 3, 0), (5, 3, 1)),
            ((5, 4, 0), (5, 4, 1)),
            ((6, 0, 0), (6, 0, 999)),
        ),
    ),
    Bug(
        6355,
        "TSO servers that listen on the same address are both primary",
        (((7, 0, 0), (7, 1, 999)),),
        tso=True,
    ),
    Bug(
        6738,
        "a PD in service mode and a TSO server both serve",
        (((7, 0, 0), (8, 5, 999)), _BETA, _MARCH_26),
        ("release-7.5", "release-8.3", "release-8.5", "nextgen-8.5.4", "pull-10473-base", "master-2026-08"),
        tso=True,
        sign=_both,
        plain=True,
        violates="one-live",
    ),
    Bug(
        7015,
        "a TSO primary first answers from what it synced long ago",
        (((7, 1, 0), (7, 3, 999)),),
        tso=True,
    ),
    Bug(
        9051,
        "a PD answers before it is enabled as leader",
        (((4, 0, 0), (6, 5, 11)), ((6, 6, 0), (7, 5, 5)), ((7, 6, 0), (8, 5, 1))),
        ("release-7.5", "release-8.3"),
    ),
    Bug(
        9157,
        "a save compares no leader: a former leader, or a TSO server that is not primary, saves",
        (_SINCE_7_1,),
        ("release-7.5", "release-8.3", "release-8.5"),
        sign=_not_elected,
    ),
    Bug(
        10635,
        "a server that finds its own election key deletes it late, and may take its successor's",
        (((5, 0, 0), (8, 5, 999)), _BETA, _MARCH_26),
        ("release-6.5", "release-7.5", "release-8.3", "release-8.5", "nextgen-8.5.4", "pull-10473-base"),
    ),
    Bug(
        10875,
        "who is expected as primary is read before the campaign: another may win a transfer",
        (((8, 3, 0), (8, 5, 999)), _BETA, _MARCH_26),
        ("release-8.3", "release-8.5", "nextgen-8.5.4", "pull-10473-base", "master-2026-08"),
        tso=True,
    ),
    Bug(
        10969,
        "a transfer of the primary to itself makes it step down",
        (((8, 3, 0), (8, 5, 999)), _BETA, _MARCH_26),
        ("release-8.3", "release-8.5", "nextgen-8.5.4", "pull-10473-base", "pull-8780"),
        tso=True,
        sign=_to_itself,
        plain=True,
    ),
    Bug(
        11086,
        "an update of the last term fails and clears the memory of this one",
        (_MARCH_26,),
        ("pull-10473-base",),
        tso=True,
        sign=_cleared_primary,
    ),
)
#: in a release candidate only
_3423 = Bug(
    3423,
    "the update loop of the first term clears the memory that a later term has synced",
    (),
    sign=_cleared,
)


def known_bugs(
    trace: Trace, terms: Terms, build: Recognised, judged: Mapping[str, Judgement] | None = None
) -> Answer:
    """Those that the trace shows, then those that its version has and that no line would show.

    ``judged``: the verdicts on properties, by name.
    """
    releases = sorted({version.release for version in trace.versions if version.release})
    numbers = [found for release in releases if (found := _number(release)) is not None]
    shown = [
        (bug, sign) for bug in (_3423, *BUGS) if bug.sign and (sign := bug.sign(trace, terms)) is not None
    ]
    has = _has(numbers, build)
    lines = {bug.issue for bug, _ in shown}
    shown += [
        (bug, sign)
        for bug in has
        if bug.issue not in lines and (sign := _violated(trace, bug, (judged or {}).get(bug.violates)))
    ]
    version = ", ".join(releases) or " or ".join(build.names if build.evidence else ())
    unread = "" if version else VERSION
    if shown:
        bug, (text, where) = _likeliest(shown, has)
        known = [] if bug not in has else [f"{version} has it"]
        others = [str(each.issue) for each, _ in shown if each is not bug]
        also = [f"also looks like {', '.join(others)}"] if others else []
        after = "; ".join([f"{bug.what} (tikv/pd {bug.issue})", *known, *also])
        sure = bug in has or bug.plain
        return Answer(
            QUESTION,
            "yes" if sure else "unknown",
            f"{text}{': ' if sure else ', as by '}{after}",
            (where,),
            "" if known else VERSION,
        )
    if not version:
        return Answer(
            QUESTION, "unknown", "no line tells the release, and none shows a known bug", (), unread
        )
    concerned = [bug for bug in has if not bug.tso or _led(terms, Service.TSO)]
    if not concerned:
        return Answer(QUESTION, "no", f"{version} has none of those that are known and would concern it")
    listed = "; ".join(f"{bug.issue}: {bug.what}" for bug in concerned)
    text = f"{version} has {many(len(concerned), 'known bug')}, of which no line here shows one ({listed})"
    return Answer(QUESTION, "yes", text, _told_by(trace, build))


def _violated(trace: Trace, bug: Bug, found: Judgement | None) -> tuple[str, Where] | None:
    """What calls show of a bug. A PD in API mode hands over by itself: what it does has other causes."""
    if found is None or found.verdict != "violated" or found.witness is None:
        return None
    if any(start.api_mode for start in trace.starts):
        return None
    return f"{bug.violates} is violated {many(found.count, 'time')}", found.witness[1].where


def _has(numbers: Iterable[_Number], build: Recognised) -> list[Bug]:
    """The bugs of a release, or of all builds that it may be."""
    numbers = list(numbers)
    if numbers:
        return [bug for bug in BUGS if any(low <= n <= high for n in numbers for low, high in bug.releases)]
    if not build.evidence or not build.builds:
        return []
    return [bug for bug in BUGS if set(build.builds) <= set(bug.builds)]


def _likeliest(shown: list[tuple[Bug, tuple[str, Where]]], has: list[Bug]) -> tuple[Bug, tuple[str, Where]]:
    return next((each for each in shown if each[0] in has), shown[0])


def _told_by(trace: Trace, build: Recognised) -> tuple[Where, ...]:
    released = [version.where for version in trace.versions if version.release]
    return tuple(released[:1]) or tuple(each.where for each in build.evidence[:1])


def _number(release: str) -> _Number | None:
    """A release as numbers; builds of a release line of their own (nextgen) are none, and what is some
    commits later has what its build has."""
    found = _RELEASE.fullmatch(release.rpartition("/")[2])
    if found is None or "nextgen" in (found[4] or "") or _COMMITS_LATER.search(found[4] or ""):
        return None
    return int(found[1]), int(found[2]), int(found[3])
