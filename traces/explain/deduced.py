"""Properties judged on explanations: those that need to know who did what.

Broken in all explanations of the whole trace: `violated`; in none: `holds`; in some, or where nothing
explains the whole, or that rests on a guess: `unknown`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from ...model.language.transition import Kind
from ..judge.judgement import Judgement, Pair
from ..sources.observation import ELECTIONS, Key, KeyEvent, Observation
from .conformance import Stage, Tried
from .search import Node
from .seen import Granted, Seen
from .steps import ONE_LIVE, SINGLE_WRITER, TWO_OF_A_KIND
from .timeline import Timeline


def judged_on_explanations(
    name: str,
    order: Timeline,
    tried: Sequence[Tried],
    silent: Sequence[str],
    unread: Sequence[str] = (),
    witnesses: int = 0,
) -> Judgement:
    """A property judged on the explanations under the fences that the trace conforms to.

    It holds where no explanation breaks it and every server's log is there: a server that is ``silent``
    may have done what no explanation needs, and so may what is told in files that are ``unread``. Where it
    is not known whether the trace conforms to another fence, that one may have run.

    Where it conforms to none, who did what is not known either: what was explained before that may rest on
    what is wrong (a mode that no log told, a build that it is not), so that it accuses nobody.
    """
    unknown = partial(Judgement, name, "unknown")
    fitting = [each for each in tried if each.verdict.conforms]
    if not fitting:
        partly = any(name in node.broken for node in _explanations(tried))
        broken = "broken in what was explained, but " if partly else ""
        return unknown(note=f"{broken}no fence explains the trace to its end")
    ends = [name in node.broken for node in _explanations(fitting)]
    under = " and ".join(each.verdict.fence for each in fitting)
    open_ = " and ".join(each.verdict.fence for each in tried if each.verdict.conforms is None)
    if not any(ends):
        if elsewhere := _elsewhere(name, order):
            return unknown(note=f"nothing seen breaks it; {elsewhere}")
        untested = _untested(name, order)
        if unread:
            why = untested.note if untested else "nothing seen breaks it"
            return unknown(note=f"{why}; not read: {', '.join(unread)}")
        if untested:
            return untested
        if silent:
            logs = f"logs that are missing, cut or end early: {', '.join(silent)}"
            return unknown(note=f"nothing seen breaks it; {logs}")
        if open_:
            return unknown(note=f"not broken under {under}, but {open_} may be what ran")
        return Judgement(name, "holds")
    if not all(ends):
        return unknown(note="broken in some explanations, not in others")
    if open_:
        return unknown(note=f"broken under {under}, but {open_} may be what ran")
    if any(name in each.cut for each in fitting) and name not in (ONE_LIVE, TWO_OF_A_KIND):
        return unknown(note="broken in what was found, but a limit ended the search for other explanations")
    if order.window_assumed:
        return unknown(note="broken if the save interval is as it was assumed")
    for each in fitting:
        if each.stage and each.outcome:
            explanation = each.outcome.explanations[0]
            breaking = [node for node in explanation.chain() if name in node.breaks]
            if name in (ONE_LIVE, TWO_OF_A_KIND):
                served = _Served(order, each, silent)
                breaking = [node for node in breaking if served.beside(name, node)]
            if not breaking:
                logs = f"as logs that are missing, cut or end early would tell: {', '.join(silent)}"
                return unknown(note=f"who else served may have stopped before, {logs}")
            return _violation(name, order, each.stage, breaking, witnesses)
    raise AssertionError("there are explanations, so there is a search that found them")


class _Served:
    """Who certainly served: as its log or its answers tell, and not only as nothing tells that it stopped."""

    def __init__(self, order: Timeline, tried: Tried, silent: Sequence[str]) -> None:
        self._order = order
        self._seen = tried.stage.seen if tried.stage else ()
        self._leads = tried.leads
        self._silent = silent
        self._own: dict[int, tuple[list[int], list[int], list[int]]] = {}

    def beside(self, name: str, node: Node) -> bool:
        """Whether another one did as one granted a timestamp; for two-of-a-kind one of its kind."""
        grant, kinds = self._seen[node.index], self._order.kinds
        passed_on = isinstance(grant.what, Granted) and grant.what.sent_on
        if passed_on and not self._told(grant.server, grant):
            return False
        return any(
            self._told(n, grant) or self._answers_around(n, grant)
            for n in self._leads(node.state) - {grant.server}
            if name != TWO_OF_A_KIND or kinds[n - 1] is kinds[grant.server - 1]
        )

    def _told(self, n: int, grant: Seen) -> bool:
        """Whether its log tells what it did until then."""
        order = self._order
        return order.names[n - 1] not in self._silent or grant.latest <= order.telling.get(n, 0)

    def _answers_around(self, n: int, grant: Seen) -> bool:
        """Whether it answers before and after that, in one term."""
        begins, ends, elections = self._answers(n)
        before, after = bisect_right(ends, grant.latest), bisect_left(begins, grant.earliest)
        if not before or after == len(begins):
            return False
        return bisect_left(elections, ends[before - 1]) == bisect_right(elections, begins[after])

    def _answers(self, n: int) -> tuple[list[int], list[int], list[int]]:
        """When its own answers were asked for, when they were there, and when it was elected."""
        if n not in self._own:
            of = [one for one in self._seen if one.server == n]
            own = [one for one in of if isinstance(one.what, Granted) and not one.what.sent_on]
            won = [one.at for one in of if isinstance(one.what, KeyEvent) and one.what.key in ELECTIONS]
            self._own[n] = sorted(one.earliest for one in own), sorted(one.latest for one in own), sorted(won)
        return self._own[n]


def _explanations(tried: Iterable[Tried]) -> Iterator[Node]:
    return (node for each in tried if each.outcome for node in each.outcome.explanations)


def _violation(
    name: str, order: Timeline, stage: Stage, breaking: Sequence[Node], witnesses: int
) -> Judgement:
    """A property that these steps break, with the observation that shows it and the one beside it."""
    steps = [stage.seen[node.index] for node in breaking]
    beside = {
        step.server: [one for one in stage.seen if _bears_on(name, order, one, step)]
        for step in {step.server: step for step in steps}.values()
    }
    pairs = [_with_other_half(step, beside[step.server]) for step in steps[: max(1, witnesses)]]
    return Judgement(
        name,
        "violated",
        len(steps),
        pairs[0],
        from_ns=min(one.at for one in steps),
        to_ns=max(one.at for one in steps),
        witnesses=tuple(pairs[:witnesses]),
    )


def _with_other_half(breaking: Seen, beside: Sequence[Seen]) -> Pair:
    before = [one for one in beside if one.at <= breaking.at]
    other = before[-1] if before else beside[0] if beside else breaking
    earlier, later = sorted((other, breaking), key=lambda one: one.at)
    return _observation(earlier), _observation(later)


def _bears_on(name: str, order: Timeline, one: Seen, breaking: Seen) -> bool:
    """Whether it is the other half of what breaks the property: the TSO primary, the other server's grant."""
    what = one.what
    if name == SINGLE_WRITER:
        return isinstance(what, KeyEvent) and what.key is Key.PRIMARY and what.put
    if not isinstance(what, Granted) or one.server == breaking.server:
        return False
    return name != TWO_OF_A_KIND or order.kinds[one.server - 1] is order.kinds[breaking.server - 1]


def _observation(one: Seen) -> Observation:
    return one.what.call if isinstance(one.what, Granted) else one.what


def _elsewhere(name: str, order: Timeline) -> str:
    """Where servers did what may break a property, and no etcd event tells; empty if they did not."""
    servers = range(1, len(order.kinds) + 1) if order.unsaved else sorted(order.outside)
    kinds = [order.kinds[server - 1] for server in servers]
    may = len(kinds) > len({*kinds}) if name == TWO_OF_A_KIND else len(kinds) > 1
    if not may or (name == SINGLE_WRITER and Kind.TSO not in kinds):
        return ""
    if order.unsaved:
        return "the watch ends before a save that is told elsewhere"
    first = " and ".join(f"{order.names[server - 1]} ({order.outside[server]})" for server in servers)
    return f"who served before the watch began, or after its end, is not judged: {first}"


def _untested(name: str, order: Timeline) -> Judgement | None:
    """A verdict where nothing in the trace put the property to the test."""
    if name == SINGLE_WRITER:
        told = any(isinstance(one.what, KeyEvent) and one.what.key is Key.PRIMARY for one in order.seen)
        if told or (order.begins and order.begins.primary):
            return None
        if not order.watched or (order.late and not order.begins):
            return Judgement(name, "unknown", note="no etcd event tells whether there was a TSO primary")
        return Judgement(name, "vacuous", note="no TSO primary in the trace")
    if name in (ONE_LIVE, TWO_OF_A_KIND):
        always_sent_on = not order.constants["dynamic"]
        granting = {
            one.server
            for one in order.seen
            if isinstance(one.what, Granted) and not (one.what.sent_on and always_sent_on)
        }
        if not granting:
            return Judgement(name, "unknown", note="no call says which server answered it")
        of = " of a kind" if name == TWO_OF_A_KIND else ""
        if _most(name, order, granting) < 2:
            if _most(name, order, granting | order.together) > 1:
                late = " and ".join(order.names[server - 1] for server in sorted(order.together - granting))
                note = f"who served before the watch began, or after its end, is not judged: {late}"
                return Judgement(name, "unknown", note=note)
            return Judgement(name, "vacuous", note=f"no more than one server{of} granted timestamps")
    return None


def _most(name: str, order: Timeline, servers: Iterable[int]) -> int:
    """How many servers these are; for two-of-a-kind the most of one kind."""
    of_a_kind = Counter(order.kinds[server - 1] for server in servers)
    return max(of_a_kind.values(), default=0) if name == TWO_OF_A_KIND else of_a_kind.total()
