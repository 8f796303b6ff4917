"""What a reader of TLA+ is told of variables and constants, and which variables stand together."""

from __future__ import annotations

#: which variables stay as they are together, and what each is; those of variants come after them
GROUPS: dict[str, dict[str, str]] = {
    "etcdVars": {
        "leader": "/pd/{cluster}/leader: which PD's value it holds",
        "primary": "/ms/{cluster}/tso/00000/primary: which TSO server's value it holds",
        "expected": ".../primary/expected_primary: which TSO server is to be primary",
        "timestamp": "/pd/{cluster}/timestamp: end of the last saved window; 0: absent",
        "raft_leader": "the PD whose embedded etcd leads the raft group; Nobody: etcd answers nothing",
    },
    "leaseVars": {
        "role": "as an elected server: leader (a TSO server calls it primary), or not",
        "lease": "the lease of the election key it last won",
        "lease_end": "when that lease runs out, if it is running",
    },
    "memoryVars": {
        "promoted": "it has synced, or had nothing to sync, since its election; else it does not answer",
        "initialised": "is the timestamp in memory set",
        "physical": "physical part of the timestamp in memory",
        "logical": "logical part of it",
        "saved": "lastSavedTime: the end of the window that it saved last",
        "update_due": "its update loop does not look at the logical part before",
        "tries": "failed saves of this update so far",
    },
    "saveVars": {
        "job": "what it saves a window for: syncTimestamp, updateTimestamp, resetUserTimestamp",
        "stage": "how far that is",
        "next": "the physical time it wants to go on from; the window to save ends SaveInterval later",
        "seen": "the value of the timestamp key that it read last",
    },
    "clientSyncVars": {
        "client_stage": "of the sync that a client's request began at a TSO server: how far it is",
        "client_next": "what it wants",
        "client_seen": "what it has read",
    },
    "registryVars": {
        "api": "is it a PD in API mode: hands out timestamps only in a TSO server's absence, if ever",
        "registration": "its key in the registry of TSO servers",
        "polled": "what a PD in API mode saw when it looked at the registry and has not acted upon",
    },
    "clockVars": {"skew": "its clock minus the true time"},
    "observerVars": {
        "noted": "does the observer remember a grant (one, by free choice)",
        "noted_physical": "physical part of that timestamp",
        "noted_logical": "logical part of it",
        "noted_found": "did it go to a client of PD's library",
    },
}

#: the group of all others
OTHERS = "variantVars"

#: constants: how they are called here, and what they are
CONSTANTS: dict[str, tuple[str, str]] = {
    "window": ("SaveInterval", "W: how far ahead a save reserves (tso-save-interval)"),
    "update_interval": ("UpdateInterval", "tso-update-physical-interval"),
    "lease": ("LeaseTime", "time to live of a leader or primary lease"),
    "guard": ("Guard", "G: UpdateTimestampGuard, 1 ms in PD"),
    "unit": ("Unit", "the least step of the physical part, 1 ms in PD"),
    "limit": ("LogicalLimit", "maxLogical: the logical part stays below it"),
    "skew_bound": ("SkewBound", "bound on every server's clock skew"),
    "max_reset": ("MaxResetGap", "maxResetTSGap: how far ahead an admin's reset may jump"),
    "ahead": ("Ahead", "how far ahead of its clock clients may drive a server's updates"),
    "dynamic": ("DynamicSwitching", "enable-tso-dynamic-switching"),
    "registry": ("RegistryWatched", "is a PD ever in API mode, so that somebody looks at the registry"),
    "margin": ("Margin", "what the fence wait-out adds for skew"),
}
