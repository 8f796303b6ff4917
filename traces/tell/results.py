"""Results in the form that scripts read. Keys are stable: more may be added, none is taken away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ...checker.search.findings import Exploration
from ...model.variants import fences
from ..explain.conformance import FenceVerdict
from ..explain.replay import Report
from ..explain.telling import most_telling
from ..judge.exact import COMPARED
from ..runs import files as run_files
from ..runs.rerun import Rerun
from ..sources.observation import NS_PER_MS, Call, KeyEvent, Observation
from ..sources.offsets import Span, bounds
from ..sources.settings import SETTINGS, Name, Settings
from .stopped import what_stands_there

if TYPE_CHECKING:  # it comes with z3, which takes long to import
    from ...checker.proof.prove import Proof


def exploration_json(found: Exploration, written: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """One fence's result in the form that scripts read."""
    return {
        **_system_json(found.fence),
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "seconds": round(found.seconds, 3),
        "complete": found.complete,
        "cut_by": list(found.cut_by),
        "notes": list(found.notes),
        "never_fired": list(found.never_fired),
        "never_refused": list(found.never_refused),
        "spent": list(found.spent),
        "reductions": [
            {
                "name": each.name,
                "proved": each.proved,
                "obligations": each.obligations,
                "seconds": round(each.seconds, 2),
                "kept": each.kept,
                "note": each.note,
            }
            for each in found.reductions
        ],
        "exchanged": [list(names) for names in found.exchanged],
        "merged": list(found.merged),
        "properties": [
            {
                "property": finding.property,
                "verdict": finding.verdict,
                "steps": finding.steps,
                "run": written.get((found.fence, finding.property)),
                "tested": finding.tested,
                "note": finding.note,
                "fairness": list(finding.fairness),
                "outside": list(found.outside.get(finding.property, ())),
            }
            for finding in found.findings
        ],
    }


def _system_json(name: str) -> dict[str, str]:
    """A build and its fence."""
    build, fence = fences.parted(name)
    return {"fence": fence, "build": build}


def proof_json(
    proof: Proof,
    written: Mapping[tuple[str, str], str],
    certificates: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> dict[str, Any]:
    """One proof in the form that scripts read; ``certificates``: where each was written."""
    return {
        **_system_json(proof.fence),
        "property": proof.property,
        "verdict": proof.verdict,
        "nodes": "any" if proof.nodes is None else proof.nodes,
        "assumptions": list(proof.assumptions),
        "constraints": [
            {"formula": constraint.formula, "meaning": constraint.meaning} for constraint in proof.constraints
        ],
        "note": proof.note,
        "seconds": round(proof.seconds, 3),
        "solver": dict(zip(("name", "version"), proof.solver, strict=True)),
        "certificate": certificates.get((proof.fence, proof.property)),
        "lemmas_are": proof.lemmas_are,
        "lemmas": [{"name": lemma.name, "meaning": lemma.meaning} for lemma in proof.lemmas],
        "never_fires": list(proof.never_fires),
        "undecided": list(proof.undecided),
        "obligations": [
            {
                "transition": obligation.transition,
                "lemma": obligation.lemma,
                "result": obligation.result,
                "guards_used": list(obligation.guards_used),
                "guards_undecided": list(obligation.guards_undecided),
                "solver": obligation.solver,
                "seconds": round(obligation.seconds, 6),
            }
            for obligation in proof.obligations
        ],
        "counterexample": None
        if proof.counterexample is None
        else json.loads(run_files.dumps(proof.counterexample)),
        "run": written.get((proof.fence, proof.property)),
    }


def replay_json(found: Report) -> dict[str, Any]:
    """A replay in the form that scripts read."""
    return {
        "sources": [
            {
                "file": source.file,
                "kind": source.kind.value,
                "observations": source.observations,
                "skipped": source.skipped,
                "truncated": source.truncated,
                "reasons": list(source.reasons),
                "host": ", ".join(source.hosts),
                "release": ", ".join(source.releases),
                "from": source.from_ns,
                "to": source.to_ns,
                "ignored": source.other,
                "cut": source.truncated,
                "why": "; ".join(source.reasons),
                "unread": None if source.unread is None else source.unread.value,
            }
            for source in found.sources
        ],
        "settings": {name: _setting_json(found.settings, name) for name in SETTINGS},
        "properties": [
            {
                "property": judgement.property,
                "verdict": judgement.verdict,
                "count": judgement.count,
                "witness": [_observation_json(seen) for seen in judgement.witness or ()],
                "witnesses": [[*map(_observation_json, pair)] for pair in judgement.witnesses],
                "worst_ms": judgement.worst_ms,
                "from": judgement.from_ns,
                "to": judgement.to_ns,
                "note": judgement.note,
                "doubtful": None if judgement.doubtful is None else list(judgement.doubtful),
                "clocks": [
                    clock.name
                    for clock in found.clocks.clocks
                    if clock.kind in COMPARED.get(judgement.property, ())
                ],
            }
            for judgement in found.properties
        ],
        "fences": [
            {
                **_system_json(verdict.fence),
                "conforms": "unknown" if verdict.conforms is None else verdict.conforms,
                "stopped_at": None
                if verdict.stopped_at is None
                else {
                    "file": verdict.stopped_at.file,
                    "line": verdict.stopped_at.line,
                    "revision": verdict.revision,
                },
                "refused_by": [
                    {"transition": r.transition, "server": r.server, "guard": r.guard}
                    for r in verdict.refused_by
                ],
                "telling": _telling(verdict),
                "explanations": verdict.explanations,
                "note": verdict.note,
            }
            for verdict in found.fences
        ],
        "notes": list(found.notes),
        "clocks": [
            {
                "host": clock.name,
                "offset_ms": None if clock.offset is None else _bounds_ms(clock.offset),
                "from": clock.against,
                "moved_ms": clock.moved_ns / NS_PER_MS,
                "steady": clock.steady,
                "files": list(clock.files),
            }
            for clock in found.clocks.clocks
        ],
        "build": {"recognised": list(found.build.builds), "why": found.build.why},
    }


def _telling(verdict: FenceVerdict) -> dict[str, str | None] | None:
    """What stands where the explanation of a refuted fence ends, and the guard that tells most of why."""
    if verdict.conforms is not False:
        return None
    refused = most_telling(verdict)
    return {
        "text": what_stands_there(verdict),
        "transition": refused.transition if refused else None,
        "server": refused.server if refused else None,
        "guard": refused.guard if refused else None,
    }


def _bounds_ms(span: Span) -> list[float | None]:
    """Between which offsets; null: nothing bounds it."""
    return [None if each is None else each / NS_PER_MS for each in bounds(span)]


def reruns_json(found: Mapping[str, Rerun]) -> dict[str, Any]:
    """Run files judged again, in the form that scripts read; what refuses a step stands in ``note``."""
    return {
        "sources": [
            {"file": file, "kind": "run", "observations": len(each.run.moves), "skipped": 0}
            for file, each in found.items()
        ],
        "properties": [
            {
                "file": file,
                "property": judged.property,
                "verdict": judged.verdict,
                "count": len(judged.steps),
                "witness": [{"file": file, "step": step} for step in judged.steps[:2]],
                "worst_ms": None,
                "from": None,
                "to": None,
                "note": judged.note,
            }
            for file, each in found.items()
            for judged in each.properties
        ],
        "fences": [
            {
                "file": file,
                **_system_json(verdict.fence),
                "conforms": verdict.allows,
                "stopped_at": None,
                "refused_by": [],
                "explanations": int(verdict.allows),
                "note": verdict.refused,
            }
            for file, each in found.items()
            for verdict in each.fences
        ],
    }


def _setting_json(settings: Settings, name: Name) -> dict[str, Any]:
    """The setting that all servers have (null: they differ, or nothing tells), and each server's own."""
    common = settings.common(name)
    return {
        "value": common.value,
        "source": common.source,
        "servers": [
            {"server": server, "value": own.value, "source": own.source}
            for server, own in settings.own(name).items()
        ],
    }


def _observation_json(seen: Observation) -> dict[str, Any]:
    if isinstance(seen, Call):
        return {
            "file": seen.file,
            "line": seen.line,
            "client": seen.client,
            "endpoint": seen.endpoint,
            "start_unix_ns": seen.start_ns if seen.timed else None,
            "end_unix_ns": seen.end_ns if seen.timed else None,
            "physical": seen.physical,
            "logical": [seen.logical - seen.count + 1, seen.logical],
        }
    if isinstance(seen, KeyEvent):
        return {
            "file": seen.where.file,
            "line": seen.where.line,
            "revision": seen.revision,
            "key": seen.key.value,
            "timestamp_ns": seen.timestamp_ns,
        }
    return {"file": seen.where.file, "line": seen.where.line, "server": seen.server, "text": seen.text}
