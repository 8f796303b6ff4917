"""Results as the documents that scripts read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from ... import __version__
from ...checker.run import Run
from ...checker.search.findings import Exploration, Finding
from ...checker.search.reached import finding_of
from ...model.variants import fences
from ..explain.conformance import FenceVerdict
from ..explain.replay import Report
from ..explain.telling import most_telling
from ..judge.exact import COMPARED
from ..judge.judgement import Judgement
from ..questions.ask import Asked
from ..runs import files as run_files
from ..runs.document import RunFile
from ..runs.rerun import Rerun
from ..sources.naming import Places
from ..sources.observation import NS_PER_MS, Call, KeyEvent, Observation
from ..sources.offsets import Clock, Span, bounds
from ..sources.settings import Name, Settings
from ..sources.trace import Source
from ..story import show
from ..story.stopped import what_stands_there
from . import documents
from .answered import answers, terms
from .needed import verdict

if TYPE_CHECKING:  # it comes with z3, which takes long to import
    from ...checker.certificates.solvers import Solver
    from ...checker.certificates.verify import Checked
    from ...checker.proof.attempt import Proof
    from ...checker.proof.weakest import Weakest

#: the files of runs that were written, by system and property
Written = Mapping[tuple[str, str], str]
_NONE: Written = MappingProxyType({})
_NOTHING: Mapping[str, str] = MappingProxyType({})


def explored(
    scenario: str, found: Iterable[Exploration], written: Written, sought: Mapping[str, str] = _NOTHING
) -> documents.Explored:
    """What explore found; ``sought``: the state that --find asked for, by system."""
    return documents.Explored(
        version=__version__,
        scenario=scenario,
        results=[_searched(each, written, sought.get(each.fence)) for each in found],
        fault=None,
    )


def _searched(found: Exploration, written: Written, sought: str | None) -> documents.Searched:
    build, fence = fences.parted(found.fence)
    return documents.Searched(
        fence=fence,
        build=build,
        states=found.states,
        transitions=found.transitions,
        depth=found.depth,
        seconds=round(found.seconds, 3),
        complete=found.complete,
        cut_by=list(found.cut_by),
        notes=list(found.notes),
        never_fired=list(found.never_fired),
        never_refused=list(found.never_refused),
        spent=list(found.spent),
        reductions=[
            documents.Used(
                name=each.name,
                proved=each.proved,
                obligations=each.obligations,
                seconds=round(each.seconds, 2),
                kept=each.kept,
                note=each.note,
            )
            for each in found.reductions
        ],
        exchanged=[list(names) for names in found.exchanged],
        merged=list(found.merged),
        properties=[] if sought else [_found(found, finding, written) for finding in found.findings],
        find=_sought(found, written, sought) if sought else None,
    )


def _sought(found: Exploration, written: Written, text: str) -> documents.Sought:
    finding = finding_of(found)
    return documents.Sought(
        expression=text,
        verdict=finding.verdict,
        steps=finding.steps,
        run=written.get((found.fence, finding.property)),
        note=finding.note,
    )


def _found(found: Exploration, finding: Finding, written: Written) -> documents.Found:
    told = None if finding.run is None else show.data(finding.run)
    return documents.Found(
        property=finding.property,
        verdict=finding.verdict,
        steps=finding.steps,
        run=written.get((found.fence, finding.property)),
        tested=finding.tested,
        note=finding.note,
        fairness=list(finding.fairness),
        outside=list(found.outside.get(finding.property, ())),
        because=None if told is None else told.because,
        cause=None if told is None else told.cause,
        forever=None if told is None else told.forever,
    )


def proved(found: Iterable[Proof], written: Written, certificates: Written = _NONE) -> documents.Proved:
    """What prove found; ``certificates``: where each was written."""
    return documents.Proved(
        version=__version__,
        results=[_attempted(proof, written, certificates) for proof in found],
        needs=[],
        fault=None,
    )


def _attempted(proof: Proof, written: Written, certificates: Written) -> documents.Attempted:
    build, fence = fences.parted(proof.fence)
    counterexample = proof.counterexample
    return documents.Attempted(
        fence=fence,
        build=build,
        property=proof.property,
        verdict=proof.verdict,
        nodes="any" if proof.nodes is None else proof.nodes,
        assumptions=list(proof.assumptions),
        constraints=[
            documents.Needed(formula=constraint.formula, meaning=constraint.meaning)
            for constraint in proof.constraints
        ],
        rests_on=list(proof.rests_on),
        note=proof.note,
        seconds=round(proof.seconds, 3),
        solver=_solver(proof.solver),
        certificate=certificates.get((proof.fence, proof.property)),
        lemmas_are=proof.lemmas_are,
        lemmas=[documents.Lemma(name=each.name, meaning=each.meaning) for each in proof.lemmas],
        never_fires=list(proof.never_fires),
        undecided=list(proof.undecided),
        obligations=[
            documents.Obliged(
                transition=obligation.transition,
                lemma=obligation.lemma,
                result=obligation.result,
                guards_used=list(obligation.guards_used),
                guards_undecided=list(obligation.guards_undecided),
                solver=obligation.solver,
                seconds=round(obligation.seconds, 6),
            )
            for obligation in proof.obligations
        ],
        counterexample=None if counterexample is None else run_files.document(counterexample),
        run=written.get((proof.fence, proof.property)),
        looked=[
            documents.LookedThrough(
                scenario=each.scenario, states=each.states, steps=each.steps, whole=each.whole
            )
            for each in proof.looked
        ],
    )


def needed(found: Iterable[Weakest], written: Written) -> documents.Proved:
    """What prove found with --weakest."""
    return documents.Proved(
        version=__version__, results=[], needs=[_needing(each, written) for each in found], fault=None
    )


def _needing(found: Weakest, written: Written) -> documents.Needing:
    build, fence = fences.parted(found.fence)
    return documents.Needing(
        fence=fence,
        build=build,
        property=found.property,
        verdict=verdict(found),
        sufficient=[
            documents.Enough(
                assumptions=list(each.assumptions),
                verdict=each.verdict,
                without=[
                    documents.Without(assumption=name, steps=_steps(run), counterexample=_run(run))
                    for name, run in each.without.items()
                ],
            )
            for each in found.sufficient
        ],
        not_enough=[
            documents.Beside(assumptions=list(names), steps=_steps(run), counterexample=_run(run))
            for names, run in found.beside.items()
        ],
        seconds=round(found.seconds, 3),
        interrupted=found.interrupted,
        run=written.get((found.fence, found.property)),
    )


def _steps(run: Run | None) -> int | None:
    return None if run is None else len(run.moves)


def _run(run: Run | None) -> RunFile | None:
    return None if run is None else run_files.document(run)


def verified(found: Iterable[Checked], solver: Solver) -> documents.Verified:
    """What verify found."""
    return documents.Verified(
        version=__version__,
        solver=_solver((solver.name, solver.version)),
        results=[_checked(each) for each in found],
        fault=None,
    )


def _checked(found: Checked) -> documents.Checked:
    proof = found.proof
    return documents.Checked(
        fence=proof.fence,
        build=proof.build,
        property=proof.property,
        verdict=found.verdict,
        unsat=found.unsat,
        checks=found.checks,
        seconds=round(found.seconds, 3),
        prover=_solver((proof.solver.name, proof.solver.version)),
        digest=proof.digest,
        note=found.note,
        failed=[
            documents.Unrefuted(
                file=each.file,
                transition=each.transition,
                shows=each.check.shows,
                lemma=each.check.lemma,
                step=each.check.step,
                answer=each.answer,
            )
            for each in found.failed
        ],
    )


def _solver(named: tuple[str, str]) -> documents.SolverUsed:
    name, version = named
    return documents.SolverUsed(name=name, version=version)


def replayed(found: Report, asked: Asked, places: Places, cause: Sequence[str] = ()) -> documents.Replayed:
    """What replay found in a recording; ``cause``: what went wrong, and why, in sentences."""
    return documents.Replayed(
        version=__version__,
        sources=[_file(source) for source in found.sources],
        settings=documents.Values(
            save_interval_ns=_value(found.settings, "save_interval_ns"),
            update_interval_ns=_value(found.settings, "update_interval_ns"),
            lease_s=_value(found.settings, "lease_s"),
            least_lease_s=found.settings.least_lease_s,
        ),
        properties=[_judged(found, judgement) for judgement in found.properties],
        fences=[_conforming(verdict) for verdict in found.fences],
        notes=list(found.notes),
        clocks=[_offset(clock) for clock in found.clocks.clocks],
        build=documents.Recognised(recognised=list(found.build.names), why=found.build.why),
        because=list(cause),
        answers=answers(asked),
        terms_by_clock=asked.clocks or None,
        terms=terms(asked),
        servers=[
            documents.Placed(server=name, addresses=list(urls)) for name, urls in places.by_server().items()
        ],
        fault=None,
    )


def _file(source: Source) -> documents.File:
    return documents.File(
        file=source.file,
        kind=source.kind.value,
        observations=source.observations,
        skipped=source.skipped,
        truncated=source.truncated,
        reasons=list(source.reasons),
        host=", ".join(source.hosts),
        release=", ".join(source.releases),
        from_=source.from_ns,
        to=source.to_ns,
        ignored=source.other,
        cut=source.truncated,
        why="; ".join(source.reasons),
        unread=None if source.unread is None else source.unread.value,
    )


def _value(settings: Settings, name: Name) -> documents.Value:
    common = settings.common(name)
    return documents.Value(
        value=common.value,
        source=common.source,
        servers=[
            documents.OwnValue(
                server=server,
                value=own.value,
                source=own.source,
                changes=[
                    documents.ChangedValue(value=each.value, source=each.source, since=each.since_ns)
                    for each in own.then
                ],
            )
            for server, own in settings.own(name).items()
        ],
    )


def _judged(found: Report, judgement: Judgement) -> documents.Judged:
    compared = COMPARED.get(judgement.property, ())
    return documents.Judged(
        property=judgement.property,
        verdict=judgement.verdict,
        count=judgement.count,
        witness=[_seen(seen) for seen in judgement.witness or ()],
        witnesses=[[*map(_seen, pair)] for pair in judgement.witnesses],
        worst_ms=judgement.worst_ms,
        from_=judgement.from_ns,
        to=judgement.to_ns,
        note=judgement.note,
        doubtful=None if judgement.doubtful is None else list(judgement.doubtful),
        clocks=[clock.name for clock in found.clocks.clocks if clock.kind in compared],
    )


def _conforming(verdict: FenceVerdict) -> documents.Conforming:
    build, fence = fences.parted(verdict.fence)
    stopped = verdict.stopped_at
    return documents.Conforming(
        fence=fence,
        build=build,
        conforms="unknown" if verdict.conforms is None else verdict.conforms,
        stopped_at=None
        if stopped is None
        else documents.Stopped(file=stopped.file, line=stopped.line, revision=verdict.revision),
        refused_by=[
            documents.Refusal(transition=each.transition, server=each.server, guard=each.guard)
            for each in verdict.refused_by
        ],
        telling=_telling(verdict),
        explanations=verdict.explanations,
        note=verdict.note,
    )


def _telling(verdict: FenceVerdict) -> documents.Telling | None:
    if verdict.conforms is not False:
        return None
    refused = most_telling(verdict)
    return documents.Telling(
        text=what_stands_there(verdict),
        transition=refused.transition if refused else None,
        server=refused.server if refused else None,
        guard=refused.guard if refused else None,
    )


def _offset(clock: Clock) -> documents.Offset:
    return documents.Offset(
        host=clock.name,
        offset_ms=None if clock.offset is None else _bounds_ms(clock.offset),
        from_=clock.against,
        events=clock.events,
        moved_ms=clock.moved_ns / NS_PER_MS,
        steady=clock.steady,
        files=list(clock.files),
    )


def _bounds_ms(span: Span) -> list[float | None]:
    """Between which offsets; null: nothing bounds it."""
    return [None if each is None else each / NS_PER_MS for each in bounds(span)]


def _seen(seen: Observation) -> documents.Seen:
    if isinstance(seen, Call):
        return documents.Seen(
            file=seen.file,
            line=seen.line,
            client=seen.client,
            endpoint=seen.endpoint,
            start_unix_ns=seen.started,
            end_unix_ns=seen.ended,
            physical=seen.physical,
            logical=[seen.logical - seen.count + 1, seen.logical],
        )
    where = seen.where
    if isinstance(seen, KeyEvent):
        return documents.Seen(
            file=where.file,
            line=where.line,
            revision=seen.revision,
            key=seen.key.value,
            timestamp_ns=seen.timestamp_ns,
        )
    return documents.Seen(file=where.file, line=where.line, server=seen.server, text=seen.text)


def rerun(found: Mapping[str, Rerun]) -> documents.Rerun:
    """What replay found in run files; what refuses a step stands in ``note``."""
    return documents.Rerun(
        version=__version__,
        sources=[
            documents.RunSource(file=file, kind="run", observations=len(each.run.moves), skipped=0)
            for file, each in found.items()
        ],
        properties=[
            documents.RunJudged(
                file=file,
                property=judged.property,
                verdict=judged.verdict,
                count=len(judged.steps),
                witness=[documents.StepSeen(file=file, step=step) for step in judged.steps[:2]],
                worst_ms=None,
                from_=None,
                to=None,
                note=judged.note,
            )
            for file, each in found.items()
            for judged in each.properties
        ],
        fences=[
            _allowed(file, verdict.fence, verdict.allows, verdict.refused)
            for file, each in found.items()
            for verdict in each.fences
        ],
        fault=None,
    )


def _allowed(file: str, name: str, allows: bool, refused: str) -> documents.RunAllowed:
    build, fence = fences.parted(name)
    return documents.RunAllowed(
        file=file,
        fence=fence,
        build=build,
        conforms=allows,
        stopped_at=None,
        refused_by=[],
        explanations=int(allows),
        note=refused,
    )
