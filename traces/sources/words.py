"""What PD and TSO servers write for which step, in the words of all releases.

What releases before wrote for the same step follows in brackets; 7.0 to 8.5 call a PD in API mode `API Service` where
they call another one `PD`, and 5.0 to 8.5 say `global TSO` for `TSO`. Which build writes what: `builds.py`.

| message (PD / TSO server) | step | fields used |
|---|---|---|
| `PD config` / `TSO service config` (7.0 to 7.4 `TSO config`) | SERVER_START | see `settings.py` |
| `got signal to exit` | SERVER_EXIT | |
| `start to campaign PD leader` (4.0 `... campaign leader`) / `start to campaign the primary` | CAMPAIGN_START | |
| `skip campaigning of pd leader and check later` (4.0 `skip campaign leader ...`) / `... of tso primary ...` | CAMPAIGN_SKIPPED | |
| `campaign PD leader meets error ...` (4.0 `campaign leader meet error`), `campaign times is too frequent, ...` / `campaign tso primary meets error ...` | CAMPAIGN_REFUSED | `error` |
| `lease granted` | LEASE_GRANTED | `lease-id`, `lease-timeout` -> `lease_s`, `purpose` -> `key` |
| `check campaign resp` (succeeded) | ELECTED | `resp` -> `revision`; `key` from `write leaderData to leaderPath ok` after it |
| `leader election succeeded, start leader ready process` (`campaign PD leader ok`, 4.0 `campaign leader ok`) / `campaign tso primary ok` | CAMPAIGN_WON | |
| `start to sync timestamp` (4.0 `sync timestamp for tso`) | SYNC_START | |
| `load timestamp window successfully` | WINDOW_LOADED | `ts-window` -> `last_ns` |
| `system time may be incorrect` | CLOCK_BEHIND | `last`, `last-saved`, `next` |
| `sync and save timestamp` | SYNC_SAVED | `last`, `last-saved`, `save`, `next` |
| `skip sync timestamp` | SYNC_SKIPPED | `last`, `last-saved` |
| `set expected primary flag`, `delete expected primary flag`, `primary exit the primary watch loop` | EXPECTED_SET, EXPECTED_DELETED, EXPECTED_LEFT | |
| `PD leader is ready to serve` (to 6.6 `PD cluster leader ...`) / `tso primary is ready to serve` | READY | PD: also when the sync was refused |
| `persisted tso window to etcd (update)`, `... (user-reset)` | WINDOW_SAVED | `save`, `next` |
| `leader value does not match` | KEY_OF_ANOTHER | as SAVE_ATTEMPT |
| `ignored a stale allocator update failure ...` | STALE_FAILURE | |
| `skip transferring primary to itself` | TRANSFER_SKIPPED | |
| `saving timestamp to the storage` | SAVE_ATTEMPT | `ts` -> `save_ns`, `leader-key`, `expected-leader-value` -> `text`, `check-tso-primary` -> `fenced` |
| `save timestamp failed`, `try to update the tso but failed`, `failed to update allocator's timestamp, resetting ...` (`failed to update allocator's timestamp`, 4.0 `failed to update timestamp`) | SAVE_REFUSED | `error`, `retry-count` |
| `failed to initialize the TSO allocator` (4.0 `failed to sync timestamp`), `failed to start TSO jobs`, `failed to switch TSO provider back to PD ...` | SAVE_REFUSED | `error` |
| `reset the timestamp in memory` | RESET | |
| `closing the TSO allocator`, `closing the embedded TSO allocator`, `stop embedded TSO allocator ...` | ALLOCATOR_CLOSED | |
| `no longer a leader ...` (4.0 `lease expired, leader step down`), `etcd leader changed, resigns pd leadership` (4.0 `... resigns leadership`) / `no longer a primary ...`, `no longer be primary ...` | STEP_DOWN | |
| `keep alive lease too slow` (to 7.6 `lease timeout`), `the interval between keeping alive lease is too long` | KEEP_ALIVE_SLOW | `purpose` |
| `lease keep alive stopped` | KEEP_ALIVE_STOPPED | `purpose` |
| `lease keep alive failed` (4.0 `leader ...`), `keep alive response ttl is zero` | KEEP_ALIVE_FAILED | `purpose`, `error` |
| `revoke lease failed` | REVOKE_FAILED | `purpose`, `error` |
| `current leadership is deleted` | KEY_DELETED | `revision`, `leader-key` |
| `delete the leader key ok` | KEY_REMOVED | `leader-key` |
| `pd leader has changed, ...` (4.0 `leader changed, ...`) / `the tso primary has changed, ...` | HOLDER_CHANGED | |
| `start to watch pd leader` (4.0 `start watch leader`) / `start to watch the primary` | FOLLOWING | `pd-leader`, `tso-primary` -> `text` |
| `try to resign etcd leader to next pd-server` (4.0 `try to resign leader to next leader`) / `try to transfer primary` | TRANSFER | `from`, `to` -> `text` |
| `TSO is provided by TSO server`, `TSO is provided by PD` | PROVIDER_TSO, PROVIDER_PD | |
| `clock offset` | CLOCK_OFFSET | `prev-physical` -> `last_ns`, `now` -> `next_ns` |
| `system time jumps backward`, `system time jump backward` | CLOCK_WENT_BACK | |
| `invalid timestamp` (4.0 to 5.3) | NO_TIMESTAMP | |
| `the logical time may be not enough` | LOGICAL_LOW | |
| `reset-ts` | ADMIN_RESET | `new-ts` -> `next_ns` |
| any with `ErrResetUserTimestamp` (BR, an admin's tool) | RESET_REFUSED | `error` |
| `invalid max_ts update ...` (TiKV, `components/concurrency_manager`) | BEYOND_LIMIT | `attempted_ts`, `max_allowed` or `limit`, `source` -> `text` |

Sources: `pkg/tso/tso.go`, `pkg/tso/allocator.go`, `pkg/election`, `pkg/member`, `server/server.go`,
`server/cluster/cluster.go`, `pkg/storage/endpoint/tso.go`; `pkg/tso/global_allocator.go` to 8.5, `server/tso/tso.go`,
`server/election` and `server/member` to 6.5.
"""  # noqa: E501  # a row of a table is one line

from .observation import Attempt, LogStep, Service

#: of a recorder, in a log that it follows: nothing more was written by then
FOLLOWED = "tsofence followed this log to its end"

_STEPS = {
    "pd config": LogStep.SERVER_START,
    "tso service config": LogStep.SERVER_START,
    "tso config": LogStep.SERVER_START,
    "got signal to exit": LogStep.SERVER_EXIT,
    "start to campaign pd leader": LogStep.CAMPAIGN_START,
    "start to campaign leader": LogStep.CAMPAIGN_START,
    "start to campaign the primary": LogStep.CAMPAIGN_START,
    "skip campaigning of pd leader and check later": LogStep.CAMPAIGN_SKIPPED,
    "skip campaign leader and check later": LogStep.CAMPAIGN_SKIPPED,
    "skip campaigning of tso primary and check later": LogStep.CAMPAIGN_SKIPPED,
    "lease granted": LogStep.LEASE_GRANTED,
    "check campaign resp": LogStep.ELECTED,
    "campaign pd leader ok": LogStep.CAMPAIGN_WON,
    "campaign leader ok": LogStep.CAMPAIGN_WON,
    "leader election succeeded, start leader ready process": LogStep.CAMPAIGN_WON,
    "campaign tso primary ok": LogStep.CAMPAIGN_WON,
    "campaign times is too frequent, resign and campaign again": LogStep.CAMPAIGN_REFUSED,
    "start to sync timestamp": LogStep.SYNC_START,
    "sync timestamp for tso": LogStep.SYNC_START,
    "load timestamp window successfully": LogStep.WINDOW_LOADED,
    "system time may be incorrect": LogStep.CLOCK_BEHIND,
    "sync and save timestamp": LogStep.SYNC_SAVED,
    "skip sync timestamp": LogStep.SYNC_SKIPPED,
    "set expected primary flag": LogStep.EXPECTED_SET,
    "delete expected primary flag": LogStep.EXPECTED_DELETED,
    "primary exit the primary watch loop": LogStep.EXPECTED_LEFT,
    "pd leader is ready to serve": LogStep.READY,
    "pd cluster leader is ready to serve": LogStep.READY,
    "tso primary is ready to serve": LogStep.READY,
    "saving timestamp to the storage": LogStep.SAVE_ATTEMPT,
    "persisted tso window to etcd (update)": LogStep.WINDOW_SAVED,
    "persisted tso window to etcd (user-reset)": LogStep.WINDOW_SAVED,
    "leader value does not match": LogStep.KEY_OF_ANOTHER,
    "ignored a stale allocator update failure because the timestamp state has changed": LogStep.STALE_FAILURE,
    "reset the timestamp in memory": LogStep.RESET,
    "closing the tso allocator": LogStep.ALLOCATOR_CLOSED,
    "closing the embedded tso allocator": LogStep.ALLOCATOR_CLOSED,
    "stop embedded tso allocator because tso service primary exists": LogStep.ALLOCATOR_CLOSED,
    "etcd leader changed, resigns pd leadership": LogStep.STEP_DOWN,
    "etcd leader changed, resigns leadership": LogStep.STEP_DOWN,
    "lease expired, leader step down": LogStep.STEP_DOWN,
    "keep alive lease too slow": LogStep.KEEP_ALIVE_SLOW,
    "lease timeout": LogStep.KEEP_ALIVE_SLOW,
    "the interval between keeping alive lease is too long": LogStep.KEEP_ALIVE_SLOW,
    "lease keep alive stopped": LogStep.KEEP_ALIVE_STOPPED,
    "lease keep alive failed": LogStep.KEEP_ALIVE_FAILED,
    "leader lease keep alive failed": LogStep.KEEP_ALIVE_FAILED,
    "lease keep alive failed with an invalid ttl value received": LogStep.KEEP_ALIVE_FAILED,
    "keep alive response ttl is zero": LogStep.KEEP_ALIVE_FAILED,
    "revoke lease failed": LogStep.REVOKE_FAILED,
    "current leadership is deleted": LogStep.KEY_DELETED,
    "delete the leader key ok": LogStep.KEY_REMOVED,
    "pd leader has changed, try to re-campaign a pd leader": LogStep.HOLDER_CHANGED,
    "leader changed, try to campaign leader": LogStep.HOLDER_CHANGED,
    "the tso primary has changed, try to re-campaign a primary": LogStep.HOLDER_CHANGED,
    "start to watch pd leader": LogStep.FOLLOWING,
    "start watch leader": LogStep.FOLLOWING,
    "start to watch the primary": LogStep.FOLLOWING,
    "try to resign etcd leader to next pd-server": LogStep.TRANSFER,
    "try to resign leader to next leader": LogStep.TRANSFER,
    "try to transfer primary": LogStep.TRANSFER,
    "skip transferring primary to itself": LogStep.TRANSFER_SKIPPED,
    "tso is provided by tso server": LogStep.PROVIDER_TSO,
    "tso is provided by pd": LogStep.PROVIDER_PD,
    "clock offset": LogStep.CLOCK_OFFSET,
    "system time jumps backward": LogStep.CLOCK_WENT_BACK,
    "system time jump backward": LogStep.CLOCK_WENT_BACK,
    "invalid timestamp": LogStep.NO_TIMESTAMP,
    "the logical time may be not enough": LogStep.LOGICAL_LOW,
    "reset-ts": LogStep.ADMIN_RESET,
}
_BEGINNINGS = {  # messages that go on with a reason
    "campaign pd leader meets error": LogStep.CAMPAIGN_REFUSED,
    "campaign leader meet error": LogStep.CAMPAIGN_REFUSED,
    "campaign tso primary meets error": LogStep.CAMPAIGN_REFUSED,
    "no longer a leader because": LogStep.STEP_DOWN,
    "no longer a primary because": LogStep.STEP_DOWN,
    "no longer be primary because": LogStep.STEP_DOWN,
    "invalid max_ts update": LogStep.BEYOND_LIMIT,
}
_REFUSALS = {  # innermost first: it begins a new event
    Attempt.UPDATE: (
        "save timestamp failed",
        "try to update the tso but failed",
        "failed to update allocator's timestamp",
        "failed to update allocator's timestamp, resetting the tso allocator with leadership resignation",
        "failed to update timestamp",
        "update timestamp failed",
    ),
    Attempt.SYNC: (
        "failed to initialize the tso allocator",
        "failed to sync timestamp",
        "failed to start tso jobs",
        "failed to switch tso provider back to pd after tso forwarding failed",
    ),
}
_WRITES_KEY = "write leaderdata to leaderpath ok"
_GIVES_UP = "failed to update allocator's timestamp"
#: PD's answer to an admin or to BR, as these log it
_RESET_REFUSED = "ErrResetUserTimestamp"
_SERVICE_SIGNS = (  # beginnings of messages that only one of the two writes; here capitals matter
    ("Welcome to Placement Driver (PD)", Service.PD),
    ("Welcome to Placement Driver (API SERVICE)", Service.PD),
    ("Welcome to Placement Driver (TSO", Service.TSO),
    ("PD config", Service.PD),
    ("PD Config", Service.PD),
    ("API Service config", Service.PD),
    ("API service config", Service.PD),
    ("TSO service config", Service.TSO),
    ("TSO config", Service.TSO),
    ("start to campaign PD leader", Service.PD),
    ("start to campaign pd leader", Service.PD),
    ("start to campaign API", Service.PD),
    ("start to campaign leader", Service.PD),
    ("campaign PD leader", Service.PD),
    ("campaign pd leader", Service.PD),
    ("campaign leader", Service.PD),
    ("PD leader is ready", Service.PD),
    ("PD cluster leader is ready", Service.PD),
    ("no longer a leader", Service.PD),
    ("start to campaign the primary", Service.TSO),
    ("campaign tso primary", Service.TSO),
    ("tso primary is ready", Service.TSO),
    ("no longer a primary", Service.TSO),
    ("no longer be primary", Service.TSO),
    ("start to watch pd leader", Service.PD),
    ("start to watch the primary", Service.TSO),
    ("initializing the TSO allocator", Service.PD),
    ("initializing the global TSO allocator", Service.PD),
    ("initializing the tso allocator", Service.TSO),
    ("initializing the global tso allocator", Service.TSO),
    ("skip campaigning of pd leader", Service.PD),
    ("skip campaigning of tso primary", Service.TSO),
)


def step_of(message: str, line: str) -> LogStep | None:
    """The step that a message tells of; of a refused save `refused_as` says it.

    ``line`` is all of it: an admin's tool has PD's answer in whatever field."""
    meant = _meant(message)
    step = _STEPS.get(meant) or next((s for begin, s in _BEGINNINGS.items() if meant.startswith(begin)), None)
    return LogStep.RESET_REFUSED if step is None and _RESET_REFUSED in line else step


def refused_as(message: str) -> Attempt | None:
    """What kind of save a message says was refused."""
    meant = _meant(message)
    return next((attempt for attempt, messages in _REFUSALS.items() if meant in messages), None)


def is_innermost(attempt: Attempt, message: str) -> bool:
    """Whether of the lines of one refusal it is the one that is written first."""
    return _meant(message) == _REFUSALS[attempt][0]


def writes_key(message: str) -> bool:
    """Whether a server says which key it has written: that of the election that it has just won."""
    return _meant(message) == _WRITES_KEY


def gives_up(message: str) -> bool:
    """Whether a line of a refused update is that of the loop that tries no more, and clears the memory."""
    return _meant(message).startswith(_GIVES_UP)


def service_of(message: str) -> Service | None:
    """The kind of server that alone writes such a message, if only one does."""
    return next((of for sign, of in _SERVICE_SIGNS if message.startswith(sign)), None)


def _meant(message: str) -> str:
    """The message as all builds could have it."""
    return message.lower().replace("api service ", "pd ").replace("the global tso", "the tso")
