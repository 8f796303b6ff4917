"""prompt: what a bound on how late and how far back answers come takes for granted.

Nothing is urgent in the model: a server may be slow for any time, so that its memory may lie any time behind.
Here a PD that hands out timestamps is as prompt as its settings say: its update loop turns every U
(`update_interval`), and once it has to save, it has saved or given up within R (``patience``).

In PD: U is `tso-update-physical-interval`, 50 ms; R is three saves, each followed by 50 ms (`UpdateTSO`,
`maxUpdateTSORetryCount`, `updateTSORetryInterval`).
"""

from tsofence.model.language.expr import (
    DURATION,
    FALSE,
    NOBODY,
    NOW,
    TIME,
    both,
    either,
    exists,
    forall,
    implies,
    ite,
    negate,
)
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import allocator
from tsofence.model.pd import state as s
from tsofence.model.pd.state import BY, GUARD, JOB, OWN, ROLE, SKEW, STAGE, UNIT
from tsofence.model.variants import check_tso_primary
from tsofence.specs.assumptions import NO_STALE_DELETES
from tsofence.specs.lemmas import Lemma, lemmas
from tsofence.specs.properties import Property
from tsofence.specs.statements import clock_within_bounds, of_each, saving

fence = Variant("prompt", "updates and saves of PDs take as long as their settings say, clocks run evenly")

#: R: how long a save, with all its tries, may take
PATIENCE = fence.constant("patience", DURATION, 1)
#: how far ahead of its clock a PD may start, because a window that was saved before reaches there
LEAD = fence.constant("lead", DURATION, 0)
#: when a TSO server won its election last
since = fence.shared("since", TIME)


def late(m):
    """How far behind its clock a PD's memory may lie: an update finds nothing to do for U and the guard; then
    it needs a save."""
    return s.update_interval[m] + GUARD + PATIENCE


def in_time(m):
    """It is not further behind when the tick has passed."""
    then = s.clock(m) + BY
    syncs = both(s.role[m] == ROLE.leader, s.job[m] == JOB.sync, saving(m, OWN))
    return both(
        implies(s.able_to_grant(m), then - s.physical[m] <= late(m)),
        implies(syncs, then - s.next[m] <= late(m)),
    )


fence.guard("tick", "no PD is overdue", forall(lambda m: either(s.is_tso[m], in_time(m))))
fence.effect("campaign", {"since": ite(s.is_tso[SELF], NOW, since)})


def near(n, time):
    """A PD goes on from there: not overdue, and no further ahead of its clock than it may start."""
    return either(s.is_tso[n], both(s.clock(n) - time <= late(n), time <= s.clock(n) + LEAD))


above = s.seen[SELF] + GUARD
start = ite(s.clock(SELF) < above, above, s.clock(SELF))
fence.guard("sync_begin", "the loaded window reaches no further ahead", near(SELF, start))
then = allocator.next_physical(SELF)
asked = both(then <= s.clock(SELF), near(SELF, then))
fence.guard("update_begin", "clients do not ask for more than a window holds", asked)
for of in ("admin_reset", "admin_reset_begin"):
    fence.guard(of, "no admin resets", FALSE)
fence.guard("clock_jump", "clocks run evenly", FALSE)
for slot in s.SLOTS:
    fence.guard(slot.prefix + "commit_answer_lost", "etcd's answers arrive", FALSE)


# --- how far back, and how late -------------------------------------------------------------------
#: how far a PD's answers lie below a TSO primary's that came earlier: just after it saved, or just before it
#: is reset, whatever is more
fresh, stale = s.window[SELF] + GUARD, late(SELF) + SKEW + SKEW
reach = ite(fresh < stale, stale, fresh)
back_at = s.physical[SELF] + reach
#: by how much more, where clients ask the TSO primary for as much as its window holds
furthest = exists(lambda m: both(s.primary == m, back_at + s.window[m] <= s.noted_physical + GUARD))
almost = exists(lambda m: both(s.primary == m, back_at + s.window[m] <= s.noted_physical + GUARD + UNIT))
#: how long after a TSO server won its election PDs have stopped
ends = since + s.window[SELF] + s.update_interval[SELF] + PATIENCE + LEAD
goes_back = either(
    s.physical[SELF] < s.noted_physical,
    both(s.physical[SELF] == s.noted_physical, s.logical[SELF] + 1 <= s.noted_logical),
)
beside = both(negate(s.is_tso[SELF]), s.primary != NOBODY)


def on_grant(*conditions):
    """A PD's grant beside a TSO primary."""
    return lambda transition: both(beside, *conditions) if transition.name == "grant" else None


breaks = on_grant(s.noted, goes_back)


def bound(name, meaning, *beyond, lemmas=()):
    """No grant of a PD is so."""
    return Property(name, meaning, on_grant(s.noted, *beyond), breaks, lemmas=lemmas)


# --- why: what always holds ---------------------------------------------------------------------------


def of_pds(body):
    """Of every PD that has a timestamp in memory."""
    return of_each(lambda a: implies(both(negate(s.is_tso[a]), s.initialised[a]), body(a)))


def beside_leader(body):
    """Of a PD leader that has a timestamp in memory, and a TSO primary that has not lost its lease."""

    def of_pair(a, b):
        leads = both(s.leader == a, negate(s.is_tso[a]), s.initialised[a])
        return implies(both(leads, s.is_tso[b], s.primary == b, s.serving(b)), body(a, b))

    return forall(lambda a: forall(lambda b: of_pair(a, b), "b"), "a")


def ahead(a, time):
    """Not beyond what clocks say, nor just above the PD's window."""
    return either(time <= NOW + SKEW, time <= s.saved[a] + GUARD)


HANDOVER = ("first-primary-stays", "service-mode-only", "no-client-syncs", NO_STALE_DELETES)
HANDED_OVER = lemmas(check_tso_primary.fence, "unique", HANDOVER)
SAVES_NEAR = Lemma(
    "a PD saves near its clock",
    "where a PD's save wants to go on from is no further ahead of its clock than a PD may start",
    of_each(lambda a: implies(both(negate(s.is_tso[a]), saving(a, OWN)), s.next[a] <= s.clock(a) + LEAD)),
)
WINDOW_NEAR = Lemma(
    "a PD's window is near",
    "a PD's window ends no more than its save interval ahead of that",
    of_pds(lambda a: s.saved[a] <= s.clock(a) + LEAD + s.window[a]),
)
LAST_WINDOW = Lemma(
    "the last window",
    "beside a TSO primary, a PD's window ends where it did when that won",
    of_pds(lambda a: implies(s.primary != NOBODY, s.saved[a] <= since + s.skew[a] + LEAD + s.window[a])),
)
PROMPT = Lemma(
    "a PD is prompt",
    "neither a serving PD's memory nor its sync in flight is further behind its clock than a PD may be",
    of_each(
        lambda a: implies(
            both(negate(s.is_tso[a]), s.role[a] == ROLE.leader),
            both(
                implies(both(s.initialised[a], s.serving(a)), s.clock(a) - s.physical[a] <= late(a)),
                implies(both(s.job[a] == JOB.sync, saving(a, OWN)), s.clock(a) - s.next[a] <= late(a)),
            ),
        )
    ),
)
CLOCKS = Lemma(
    "clocks within bounds",
    "no clock is further from the true time than the bound on skew",
    of_each(lambda a: both(*clock_within_bounds(a))),
)
ENDS = (*HANDED_OVER, SAVES_NEAR, WINDOW_NEAR, LAST_WINDOW, PROMPT)

KEY_IS_ITS = Lemma(
    "the key is as it saved",
    "without a TSO primary, the timestamp key holds the end of the PD leader's window",
    of_pds(lambda a: implies(both(s.leader == a, s.primary == NOBODY), s.timestamp == s.saved[a])),
)
WITHIN = Lemma(
    "a PD's memory is in its last window",
    "a PD's memory lies no further below the end of its window than its save interval",
    of_pds(lambda a: s.saved[a] <= s.physical[a] + s.window[a]),
)
STARTS_THERE = Lemma(
    "the primary starts from the PD's window",
    "a TSO primary that has not synced finds the end of the PD leader's window, and syncs once",
    beside_leader(
        lambda a, b: both(
            implies(negate(s.promoted[b]), both(negate(s.initialised[b]), s.timestamp == s.saved[a])),
            implies(s.stage[b] != STAGE.idle, s.job[b] == ite(s.promoted[b], JOB.update, JOB.sync)),
            implies(s.stage[b] == STAGE.loaded, both(s.job[b] == JOB.sync, s.seen[b] == s.saved[a])),
            implies(saving(b, OWN), ahead(a, s.next[b])),
        )
    ),
)
PRIMARY_NEAR = Lemma(
    "the primary's window is near",
    "a TSO primary's window ends at most its save interval above its clock, or just above the PD's window",
    beside_leader(
        lambda a, b: implies(
            s.initialised[b],
            either(s.saved[b] <= NOW + SKEW + s.window[b], s.saved[b] <= s.saved[a] + GUARD + s.window[b]),
        )
    ),
)
AT_CLOCK = Lemma(
    "the primary is near",
    "a TSO primary's memory is not above its clock, nor just above the PD's window",
    beside_leader(lambda a, b: implies(s.initialised[b], ahead(a, s.physical[b]))),
)


def granted(bound):
    """What was granted lies so, beside a PD leader."""
    return of_pds(lambda a: implies(both(s.leader == a, s.noted), bound(a)))


def granted_near(a, b):
    then = s.noted_physical + GUARD
    near = either(then < NOW + SKEW + s.window[b], then < s.saved[a] + GUARD + s.window[b])
    return implies(both(negate(s.is_tso[a]), s.initialised[a], s.leader == a, s.primary == b, s.noted), near)


GRANTED_NEAR = Lemma(
    "what was granted is near",
    "no grant is a window or more above the clocks, nor above just above the PD's window",
    forall(lambda a: forall(lambda b: granted_near(a, b), "b"), "a"),
)
GRANTED_AT_CLOCK = Lemma(
    "what was granted is at the clock",
    "no grant is above the clocks, nor further than just above the PD's window",
    granted(lambda a: ahead(a, s.noted_physical)),
)
REACHES = (*HANDED_OVER, CLOCKS, PROMPT, KEY_IS_ITS, WITHIN, STARTS_THERE)

STOPS = Property(
    "stops",
    "once W + U + R have passed since a TSO server won (and by how far it started ahead), no PD answers",
    on_grant(ends <= NOW),
    breaks,
    lemmas=ENDS,
)
BACK = bound(
    "back",
    "no answer of a PD is further below a TSO primary's than W + guard or U + R + guard + 2 skew",
    back_at < s.noted_physical,
    lemmas=(*REACHES, AT_CLOCK, GRANTED_AT_CLOCK),
)
FAR_BACK = bound(
    "far-back",
    "nor by the TSO primary's W - guard further, whatever clients ask of it",
    furthest,
    lemmas=(*REACHES, PRIMARY_NEAR, GRANTED_NEAR),
)
#: the same, a unit less: what a run reaches
STOPS_SOONER = bound(
    "stops-sooner", "the last of them does not break real-time", goes_back, ends <= NOW + UNIT
)
BACK_LESS = bound("back-less", "no answer is as far below", back_at <= s.noted_physical)
FAR_BACK_LESS = bound("far-back-less", "no answer is as far below", almost)
