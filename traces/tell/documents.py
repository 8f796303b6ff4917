"""The documents of `--json`: keys are stable, more may be added, none is taken away.

Times that end in ``_ns``, and ``from`` and ``to``, are Unix time in nanoseconds.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import UNSET, UnsetType, field

from ...checker.certificates.manifest import Shows
from ..output.document import Bounds, Document, Names, OpenBounds, one_of, said
from ..runs.document import RunFile
from ..story.document import CauseTold, ForeverTold, SentenceTold

Verdict = Annotated[str, one_of("violated", "holds", "proved", "vacuous", "unknown")]
Version = Annotated[str, said("of tsofence")]
Fault = Annotated[str | None, said("a fault of tsofence that ended a part of the work")]
Fence = Annotated[str, said("the fence, or several joined with +; off: none")]
Build = Annotated[str, said("the build of PD on which the fence is put")]
Property = Annotated[str, said("its name: `tsofence list properties`")]
Note = Annotated[str, said("what a reader needs to know beside the verdict, or empty")]
Written = Annotated[str | None, said("the file of the run, with --runs")]
Seconds = Annotated[float, said("how long it took")]


class Spot(Document, kw_only=True):
    """A line of a file."""

    file: str
    line: int


# --- explore -------------------------------------------------------------------------------------------


class Used(Document, kw_only=True):
    """A reduction that a search relied on."""

    name: Annotated[str, said("as --without takes it")]
    proved: Annotated[bool, said("z3 proved, of just this system, that no run is lost")]
    obligations: Annotated[int, said("how many questions that took")]
    seconds: Seconds
    kept: Annotated[bool, said("proved at an earlier time")]
    note: Annotated[str, said("what was not used, or not proved, and why")]


class Found(Document, kw_only=True):
    """What became of a property in a search."""

    property: Property
    verdict: Verdict
    steps: Annotated[int | None, said("the length of the shortest run that breaks it")]
    run: Written
    tested: Annotated[int, said("how many steps met its premise")]
    note: Note
    fairness: Annotated[Names, said("what a liveness property assumes of each transition")]
    outside: Annotated[Names, said("constraints of its proof that the scenario does not meet")]
    because: Annotated[list[SentenceTold] | None, said("where the end of the run comes from, in sentences")]
    cause: Annotated[CauseTold | None, said("the same as data")]
    forever: Annotated[ForeverTold | None, said("what the run repeats")]


class Sought(Document, kw_only=True):
    """What became of a search for a state, `explore --find`."""

    expression: Annotated[str, said("as it may be typed")]
    verdict: Annotated[str, one_of("reachable", "unreachable", "unknown")]
    steps: Annotated[int | None, said("the length of the shortest run to such a state")]
    run: Written
    note: Note


class Searched(Document, kw_only=True):
    """A scenario explored under one build and fence."""

    fence: Fence
    build: Build
    states: int
    transitions: Annotated[int, said("steps that were taken")]
    depth: Annotated[int, said("how many steps lead to the last state that was found")]
    seconds: Seconds
    complete: Annotated[bool, said("every reachable state was expanded")]
    cut_by: Annotated[Names, said("what ended it early")]
    notes: Annotated[Names, said("what went wrong, without making a verdict worth less")]
    never_fired: Annotated[Names, said("transitions that the scenario does not exercise")]
    never_refused: Annotated[Names, said("guards that refused nothing")]
    spent: Annotated[Names, said("limits of the scenario that stopped some run")]
    reductions: list[Used]
    exchanged: Annotated[list[Names], said("servers that counted as equal")]
    merged: Annotated[Names, said("transitions that were taken at once with the step before")]
    properties: list[Found]
    find: Annotated[Sought | None, said("what --find asked for; then there are no properties")]


class Explored(Document, kw_only=True, tag_field="command", tag="explore"):
    """What explore found."""

    version: Version
    scenario: str
    results: list[Searched]
    fault: Fault


# --- prove ---------------------------------------------------------------------------------------------


class Needed(Document, kw_only=True):
    """What a proof takes for granted of the constants."""

    formula: str
    meaning: str


class Obliged(Document, kw_only=True):
    """One step of an induction."""

    transition: str
    lemma: str
    result: Annotated[str, one_of("proved", "failed", "unknown")]
    guards_used: Annotated[Names, said("guards each of which alone, left out, makes it fail")]
    guards_undecided: Annotated[Names, said("those of which the solver could not tell")]
    solver: str
    seconds: Seconds


class SolverUsed(Document, kw_only=True):
    """A solver, as it names itself."""

    name: str
    version: str


class Lemma(Document, kw_only=True):
    """What a proof shows on its way to the property."""

    name: str
    meaning: str


class LookedThrough(Document, kw_only=True):
    """How far a scenario was looked through for a run that breaks a property; none was found."""

    scenario: str
    states: Annotated[int, said("how many of them were looked at")]
    steps: Annotated[int, said("no run of so many steps or fewer breaks it, as far as was seen")]
    whole: Annotated[bool, said("these are all states there are")]


class Attempted(Document, kw_only=True):
    """A property proved under one build and fence, or not."""

    fence: Fence
    build: Build
    property: Property
    verdict: Verdict
    nodes: Annotated[int | Literal["any"], said("for how many servers")]
    assumptions: Annotated[Names, said("by name: prove --help lists them")]
    constraints: list[Needed]
    rests_on: Annotated[Names, said("of liveness: what else is taken for granted, in words")]
    note: Note
    seconds: Seconds
    solver: SolverUsed
    certificate: Annotated[str | None, said("the folder of its certificate, with --certify")]
    lemmas_are: Annotated[str, one_of("shipped", "given", "found")]
    lemmas: list[Lemma]
    never_fires: Annotated[Names, said("transitions that the lemmas exclude")]
    undecided: Annotated[Names, said("those of which the solver could not tell")]
    obligations: list[Obliged]
    counterexample: Annotated[
        RunFile | None, said("a real run where violated, else one to induction, if there is any")
    ]
    run: Written
    looked: Annotated[list[LookedThrough], said("where unknown: for a run, which proves nothing")]


class Without(Document, kw_only=True):
    """An assumption left out of a set that is enough."""

    assumption: str
    steps: Annotated[
        int | None, said("of a real run that meets the others; null: none was found, it may not be needed")
    ]
    counterexample: RunFile | None


class Enough(Document, kw_only=True):
    """Assumptions under which a property is proved: none is left out without a run, or without a word."""

    assumptions: Annotated[Names, said("by name: prove --help lists them; none: nothing is needed")]
    verdict: Annotated[str, one_of("proved", "vacuous", "unknown")]
    without: list[Without]


class Beside(Document, kw_only=True):
    """Assumptions that are not known to be enough, and all that leave something to prove."""

    assumptions: Names
    steps: Annotated[int | None, said("of a real run that meets them all; null: none was found")]
    counterexample: RunFile | None


class Needing(Document, kw_only=True):
    """What a property needs under one build and fence."""

    fence: Fence
    build: Build
    property: Property
    verdict: Annotated[Verdict, said("with nothing assumed, but by --assume")]
    sufficient: Annotated[list[Enough], said("the weakest sets that are enough, what is vacuous last")]
    not_enough: Annotated[list[Beside], said("where none proves anything")]
    seconds: Seconds
    interrupted: bool
    run: Written


class Proved(Document, kw_only=True, tag_field="command", tag="prove"):
    """What prove found; with --weakest ``needs``, else ``results``."""

    version: Version
    results: list[Attempted]
    needs: list[Needing]
    fault: Fault


# --- verify --------------------------------------------------------------------------------------------


class Unrefuted(Document, kw_only=True):
    """A check to which the answer was not unsat."""

    file: str
    transition: str
    shows: Annotated[str, one_of(*get_args(Shows))]
    lemma: Annotated[str | None, said("null: the property itself, or its rank")]
    step: Annotated[str | None, said("which step helps, where a rank says so of any state")]
    answer: Annotated[str, said("sat, or why there is no answer")]


class Checked(Document, kw_only=True):
    """A proof of a certificate, checked by a solver."""

    fence: Fence
    build: Build
    property: Property
    verdict: Annotated[str, one_of("verified", "refuted", "unknown")]
    unsat: Annotated[int, said("how many checks are refuted, as all should be")]
    checks: Annotated[int, said("of how many")]
    seconds: Seconds
    prover: SolverUsed
    digest: Annotated[str, said("of the system, the property, and what is taken for granted")]
    note: Note
    failed: list[Unrefuted]


class Verified(Document, kw_only=True, tag_field="command", tag="verify"):
    """What verify found."""

    version: Version
    solver: SolverUsed
    results: list[Checked]
    fault: Fault


# --- replay --------------------------------------------------------------------------------------------


class File(Document, kw_only=True):
    """A file of a recording and what became of it."""

    file: str
    kind: Annotated[str, said("as which it was recognised")]
    observations: Annotated[int, said("how many were read")]
    skipped: Annotated[int, said("how many lines or events could not be")]
    truncated: Annotated[bool, said("it visibly goes on, or was damaged")]
    reasons: Names
    host: Annotated[str, said("the servers or clients of which it tells")]
    release: Annotated[str, said("what its lines say of their builds")]
    from_: int | None = field(name="from")
    to: int | None
    ignored: Annotated[int, said("what is well formed and says nothing of the protocol")]
    cut: Annotated[bool, said("as truncated")]
    why: Annotated[str, said("the reasons in one line")]
    unread: Annotated[str | None, said("what an ignored file looks like")]


class ChangedValue(Document, kw_only=True):
    """A setting that a server has since it was started with another configuration."""

    value: int
    source: Annotated[str, said("what tells it")]
    since: Annotated[int, said("when it was started, by its clock (Unix ns)")]


class OwnValue(Document, kw_only=True):
    """A setting of one server: at first, and as it changed where the server was started anew."""

    server: str
    value: int | None
    source: Annotated[str, said("what tells it")]
    changes: list[ChangedValue]


class Value(Document, kw_only=True):
    """A setting that all servers have; null: they differ, or nothing tells."""

    value: int | None
    source: Annotated[str, said("what tells it, or why nothing does")]
    servers: list[OwnValue]


class Values(Document, kw_only=True):
    """Settings of the cluster."""

    save_interval_ns: Value
    update_interval_ns: Value
    lease_s: Annotated[Value, said("what servers ask etcd for")]
    least_lease_s: Annotated[int | None, said("what etcd grants at least; null: not told")]


class Seen(Document, kw_only=True):
    """An observation: a client's call, an event of etcd (it has a revision), or a line of a log."""

    file: str
    line: int
    client: str | UnsetType = UNSET
    endpoint: str | UnsetType = UNSET
    start_unix_ns: Annotated[int | UnsetType | None, said("of a call; null: nothing tells")] = UNSET
    end_unix_ns: int | UnsetType | None = UNSET
    physical: Annotated[int | UnsetType, said("of the timestamps that it got, in ms")] = UNSET
    logical: Annotated[Bounds | UnsetType, said("the first and the last that it got")] = UNSET
    revision: int | UnsetType = UNSET
    key: Annotated[str | UnsetType, said("of an event")] = UNSET
    timestamp_ns: Annotated[int | UnsetType | None, said("the end of the window that it saves")] = UNSET
    server: Annotated[str | UnsetType, said("that wrote the line")] = UNSET
    text: str | UnsetType = UNSET


class Judged(Document, kw_only=True):
    """What became of a property in a recording."""

    property: Property
    verdict: Verdict
    count: Annotated[int, said("how many pairs, calls or outages violate it")]
    witness: Annotated[list[Seen], said("two observations that show it, the earlier first")]
    witnesses: Annotated[list[list[Seen]], said("so many such pairs as --witnesses asks for")]
    worst_ms: Annotated[int | None, said("how far back at most, or how long")]
    from_: int | None = field(name="from")
    to: int | None
    note: Note
    doubtful: Annotated[
        Bounds | None, said("the lowest and the highest 64-bit timestamp granted twice or out of order")
    ]
    clocks: Annotated[Names, said("the hosts whose clocks the verdict compares")]


class Stopped(Document, kw_only=True):
    """What no explanation explains."""

    file: str
    line: int
    revision: int | None


class Refusal(Document, kw_only=True):
    """A step that would explain it, and the guard that refuses it."""

    transition: str
    server: str
    guard: str


class Telling(Document, kw_only=True):
    """What stands where the explanation ends, and the guard that tells most of why."""

    text: str
    transition: str | None
    server: str | None
    guard: str | None


class Conforming(Document, kw_only=True):
    """Whether a recording is a behaviour of a build and fence."""

    fence: Fence
    build: Build
    conforms: bool | Literal["unknown"]
    stopped_at: Stopped | None
    refused_by: list[Refusal]
    telling: Telling | None
    explanations: Annotated[int, said("of everything before, or of the whole recording")]
    note: Note


class Offset(Document, kw_only=True):
    """How far the clock of a host is ahead of another's."""

    host: str
    offset_ms: OpenBounds | None
    from_: Annotated[str, said("whose clock it is compared with")] = field(name="from")
    events: Annotated[int, said("how many events tie it")]
    moved_ms: Annotated[float, said("what was taken off its readings")]
    steady: Annotated[bool, said("one offset fits nearly all events that tie it")]
    files: Names


class Recognised(Document, kw_only=True):
    """The builds that it may be."""

    recognised: Names
    why: str


class Answered(Document, kw_only=True):
    """What people ask, answered from lines and calls."""

    question: str
    verdict: Annotated[str, one_of("yes", "no", "unknown")]
    answer: str
    evidence: list[Spot]
    decided_by: Annotated[str | None, said("a command that would decide it")]
    doubtful: Annotated[Bounds | None, said("64-bit timestamps between which data may be concerned")]


class Led(Document, kw_only=True):
    """A time in which a server led."""

    server: str
    service: Annotated[str, one_of("pd", "tso", "unknown")]
    elected_ns: int | None
    revision: Annotated[int | None, said("of its election in etcd")]
    loaded_ns: Annotated[int | None, said("the end of the window that its sync loaded")]
    saved_ns: Annotated[int | None, said("the end of the window that its sync saved")]
    from_ns: Annotated[int | None, said("from which it grants")]
    ready_ns: int | None
    until_ns: int | None
    why: Annotated[str | None, said("why it ended")]
    refused: Annotated[int, said("how many of its saves were refused")]
    refused_why: Names
    cleared: Annotated[Spot | None, said("where its memory was cleared")]
    next: Annotated[str | None, said("who led after it")]
    line: Spot


class Placed(Document, kw_only=True):
    """A server of the cluster."""

    server: Annotated[str, said("what it is called")]
    addresses: Names


class Replayed(Document, kw_only=True, tag_field="command", tag="replay"):
    """What replay found in a recording."""

    version: Version
    sources: list[File]
    settings: Values
    properties: list[Judged]
    fences: list[Conforming]
    notes: Annotated[Names, said("what was taken for granted, and what was left out")]
    clocks: list[Offset]
    build: Recognised
    because: Annotated[list[str], said("what went wrong, and why, in sentences; none: nothing did")]
    answers: list[Answered]
    terms_by_clock: Annotated[str | None, said("whose clock the times of terms are, where they differ")]
    terms: list[Led]
    servers: list[Placed]
    fault: Fault


# --- replay of run files -------------------------------------------------------------------------------


class RunSource(Document, kw_only=True):
    """A run file."""

    file: str
    kind: Literal["run"]
    observations: Annotated[int, said("how many steps it has")]
    skipped: int


class StepSeen(Document, kw_only=True):
    """A step of a run, counted from 1."""

    file: str
    step: int


class RunJudged(Document, kw_only=True):
    """What became of a property in a run."""

    file: str
    property: Property
    verdict: Verdict
    count: Annotated[int, said("how many steps break it")]
    witness: list[StepSeen]
    worst_ms: None
    from_: None = field(name="from")
    to: None
    note: Note


class RunAllowed(Document, kw_only=True):
    """Whether a fence allows every step of a run."""

    file: str
    fence: Fence
    build: Build
    conforms: bool
    stopped_at: None
    refused_by: list[Refusal]
    explanations: int
    note: Annotated[str, said("which step it refuses, and why")]


class Rerun(Document, kw_only=True, tag_field="command", tag="replay"):
    """What replay found in run files."""

    version: Version
    sources: list[RunSource]
    properties: list[RunJudged]
    fences: list[RunAllowed]
    fault: Fault


#: what a command's `--json` is
Result = Explored | Proved | Verified | Replayed | Rerun
