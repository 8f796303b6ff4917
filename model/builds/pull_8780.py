"""pull-8780: a PD in API mode hands over only to a TSO primary that is ready, and fences its own saves.

What the pull changes, of PDs in API mode with dynamic switching:

- *The save* (`SaveTimestamp`, `checkTSOPrimary`) looks for a TSO primary between the own election key and
  the timestamp key, as pull 10473 does in service mode.  After a conflict it looks once more.  Where it finds
  one, `UpdateTSO` tries no more and `allocatorUpdater` clears the memory (`Reset(false)`): the PD stays
  leader.  A sync or an admin's reset only fails.
- *Who provides TSO* (`IsServiceIndependent`) is asked in each request, under a lock that a switch holds
  (`tsoSwitchMu`, `RunEmbeddedTSORequest`): a PD that has handed over sends requests on and grants nothing.
- *To the TSO server* (`switchTSOProviderToTSO`) only where one is registered, answers a probe
  (`checkDefaultTSOServiceReady`) and is both `primary` and `expected_primary`
  (`isDefaultTSOPrimaryEtcdReady`).  The probe is left out where the PD has handed over before.
- *Back to the PD* (`switchTSOProviderToPDIfNoTSOService`) where none is registered: by the poll, or by a
  request that could not be forwarded (`SwitchTSOProviderToPD`).  Such a request's sync is not the poll's, for
  which the end of a term waits (`RaftCluster.Stop`): it may end in a later term, and then its memory serves
  there without another sync (`switchTSOProviderToPD` finds it initialised).

Its base has no stale delete (pull 10636), the old protocol of who is expected as primary (before 10952) and
the failure of an older term's update (before 11102).

Left out: the two reads of `primary` and `expected_primary` are one, and so are the registry's before and
under the lock on the way back (the second decides).  A discovery that fails changes nothing here, so it is no
step.  Nor are there steps for the lock of a sync, during which there is nothing in memory to grant from; for
switching that is turned on or off while PD runs; for the retries of a forward; for followers, which answer
nobody here; for clients that learn late who hands out timestamps (client-mode).

Source: tikv/pd 74617d273c `server/cluster/cluster.go` (checkTSOService, switchTSOProviderToPD,
switchTSOProviderToTSO, startTSOJobsIfNeeded, stopTSOJobsIfNeeded, Stop), `server/grpc_service.go` (Tso,
GetClusterInfo), `server/forward.go` (checkDefaultTSOServiceReady), `pkg/storage/endpoint/tso.go`
(SaveTimestamp), `pkg/tso/allocator.go` (allocatorUpdater, UpdateTSO).
"""

from collections.abc import Mapping

from ..behaviours import client_mode, discovery_fails, stale_delete
from ..language.expr import BOOL, FALSE, NOBODY, TRUE, Expr, Sort, both, either, exists, ite, negate
from ..language.transition import SELF, Kind, Step
from ..language.variant import Variant
from ..language.vocabulary import PerServer
from ..pd import election, save
from ..pd import state as s
from ..pd.state import JOB, OWN, POLLED, REGISTRATION, ROLE, STAGE
from ..variants import check_tso_primary
from ..variants.check_tso_primary import checks_primary

build = Variant(
    "pull-8780",
    "the head of pull 8780 (74617d273c): a PD in API mode that may switch looks for a TSO primary in every "
    "save, and hands over only to one that is expected and answers; no stale delete (10636)",
    source="tikv/pd pull 8780",
    builds_on=[check_tso_primary.fence],
    lacks=[stale_delete.behaviour, discovery_fails.behaviour, client_mode.behaviour],
)

#: how far a PD is that found a TSO server registered: not · a probe was answered · it holds the lock
HANDOVER = Sort("Handover", ("none", "probed", "locked"))
#: a save whose commit failed, and which looks once more for a TSO primary: the stage after the last read
CONFLICTED = STAGE.hooked


def _by_case(when: Expr, then: Mapping[str, Expr], otherwise: Mapping[str, Expr]) -> dict[str, Expr]:
    """The one effect or the other; what only one of them changes stays in the other's case."""
    found = {}
    for name in dict.fromkeys((*then, *otherwise)):
        one, other = then.get(name), otherwise.get(name)
        if one is not None and other is not None:
            found[name] = one if one is other else ite(when, one, other)
        elif one is not None:
            found[name] = ite(when, one, PerServer(name, one.sort)[SELF])
        elif other is not None:
            found[name] = ite(when, PerServer(name, other.sort)[SELF], other)
    return found


def switches(build: Variant) -> None:
    """What the pull changes, whatever it is merged with."""
    handover = build.per_server("handover", HANDOVER)
    #: `IsServiceIndependent`: the PD sends requests on to the TSO primary
    independent = build.per_server("independent", BOOL)
    #: the sync in flight is that of a request which could not be sent on
    fallback = build.per_server("fallback", BOOL)

    def sends_on(n: Expr) -> Expr:
        return both(s.api[n], either(negate(s.DYNAMIC), independent[n]))

    def registered() -> Expr:
        return exists(lambda m: both(s.is_tso[m], s.registration[m] == REGISTRATION.listed))

    # --- the save --------------------------------------------------------------------------------
    build.define("checks_primary", lambda before, n: both(negate(s.is_tso[n]), s.api[n], s.DYNAMIC))
    failed = save.failed(SELF, OWN)
    clears = {**s.forget_memory(), "handover": HANDOVER.none}
    # `UpdateTSO` and `allocatorUpdater`: no more tries, and the memory is cleared
    yields = _by_case(s.job[SELF] == JOB.update, {**failed, **clears}, failed)
    build.effect("refused_by_fence", yields)
    build.effect("conflict", _by_case(checks_primary(SELF), {"stage": CONFLICTED}, failed))

    def looks_again(n: Expr) -> dict[str, Expr]:
        return {"its commit has failed": s.stage[n] == CONFLICTED, "etcd answers": s.etcd_answers()}

    @build.step(Kind.PD, after="conflict")
    def conflict_with_primary(n: Expr) -> Step:
        """After a conflict, a PD that checks finds a TSO primary: it must yield."""
        return Step({**looks_again(n), "a TSO primary exists": s.primary != NOBODY}, yields)

    @build.step(Kind.PD, after="conflict_with_primary")
    def conflict_without_primary(n: Expr) -> Step:
        """After a conflict, a PD that checks finds no TSO primary: the save has failed like any other."""
        return Step({**looks_again(n), "no TSO primary": s.primary == NOBODY}, failed)

    # --- to the TSO server -----------------------------------------------------------------------
    todo = ite(independent[SELF], POLLED.nothing, POLLED.somebody)
    start = ite(s.promoted[SELF], POLLED.nothing, POLLED.nobody)
    build.effect("poll_registry", {"polled": ite(registered(), todo, start)})

    def goes_on(n: Expr, stage: Expr, when: Expr) -> dict[str, Expr]:
        """Else it looks at the registry again, 100 ms later."""
        return {
            "handover": ite(when, stage, HANDOVER.none),
            "polled": ite(when, s.polled[n], POLLED.nothing),
        }

    @build.step(Kind.PD, after="poll_registry")
    def probe_tso_primary(n: Expr) -> Step:
        """A PD that provides TSO itself asks the TSO primary for a timestamp, to see whether it answers."""
        answers = exists(lambda m: both(s.is_tso[m], s.primary == m, s.able_to_grant(m)))
        return Step(
            guard={
                "a TSO server is registered": s.polled[n] == POLLED.somebody,
                "has not probed it": handover[n] == HANDOVER.none,
            },
            effect=goes_on(n, HANDOVER.probed, answers),
        )

    @build.step(Kind.PD, after="probe_tso_primary")
    def look_for_ready_primary(n: Expr) -> Step:
        """Under the lock that requests need, it reads who is primary, and who is expected to be."""
        ready = both(s.primary != NOBODY, s.expected == s.primary)
        return Step(
            guard={"a probe was answered": handover[n] == HANDOVER.probed, "etcd answers": s.etcd_answers()},
            effect=goes_on(n, HANDOVER.locked, ready),
        )

    build.guard("stop_allocator", "a ready TSO primary was seen", handover[SELF] == HANDOVER.locked)
    build.effect("stop_allocator", {"independent": TRUE})
    for of in ("step_down", "resign_as_raft_follower", "reset", "crash", "stop", "stop_allocator"):
        build.effect(of, {"handover": HANDOVER.none})

    # --- who grants, and whom clients ask --------------------------------------------------------
    here = either(s.is_tso[SELF], both(negate(sends_on(SELF)), handover[SELF] != HANDOVER.locked))
    for of in ("grant", "overflow"):
        build.guard(of, "TSO is provided here", here)

    def asked(before: Expr, n: Expr) -> Expr:
        sent_on = exists(lambda m: both(s.leader == m, sends_on(m)))
        return ite(s.is_tso[n], both(s.primary == n, sent_on), both(s.leader == n, negate(sends_on(n))))

    build.define("asked_by_library", asked)

    # --- back to the PD --------------------------------------------------------------------------
    build.effect("commit", {"independent": both(independent[SELF], negate(save.starts(SELF)))})
    for of in ("crash", "restart", "restart_in_other_mode"):
        build.effect(of, {"independent": FALSE})

    @build.step(Kind.PD, budget="fallback", after="sync_load")
    def fall_back(n: Expr) -> Step:
        """A request that could not be sent on makes the PD sync, beside its poll."""
        return Step(
            guard={
                "in API mode": s.api[n],
                "dynamic switching is on": s.DYNAMIC,
                "sends requests on": independent[n],
                "leader": s.role[n] == ROLE.leader,
                "nothing else in flight": s.job[n] == JOB.none,
                "not promoted yet": negate(s.promoted[n]),
                "nobody is registered": negate(registered()),
                "etcd answers": s.etcd_answers(),
            },
            effect={
                "job": JOB.sync,
                "stage": STAGE.loaded,
                "seen": s.timestamp,
                "polled": POLLED.nothing,
                "fallback": TRUE,
            },
        )

    build.effect("sync_load", {"fallback": FALSE})
    # The end of a term waits for the poll's sync, and not for a request's: what that learns, it remembers.
    build.guard(
        "campaign", "the sync of its last term has ended", either(s.job[SELF] != JOB.sync, fallback[SELF])
    )

    def starts(before: Expr, n: Expr) -> Expr:
        runs = both(s.role[n] != ROLE.down, s.role[n] != ROLE.closing)
        return either(before, both(s.job[n] == JOB.sync, fallback[n], runs))

    build.define("starts", starts)


switches(build)

# Somebody may wait for the one TSO server to be expected.
_waited_for = either(election.several_tso_servers(SELF), both(s.REGISTRY, s.DYNAMIC))
for of in ("expects_itself", "expected_key_goes"):
    build.guard(of, "another TSO server may ask", _waited_for)
