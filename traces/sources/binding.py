"""What a log's lines bind: steps of the model (`explain/proposals.py`), what must agree with them in etcd, in
the same log and in clients' samples (`explain/contradictions.py`, `answers.py`), and what their absence says
(`explain/lacking.py`: never more than that lines are missing).

| step | binds a step of the model | must agree with |
|---|---|---|
| SERVER_START | restart, with a crash before it; in which mode, with which settings | |
| SERVER_EXIT | stop | |
| CAMPAIGN_START | | an election's time; ELECTED before CAMPAIGN_WON; that it stopped to serve |
| LEASE_GRANTED | | the lease of the election key that ELECTED names just after it; granted once |
| ELECTED | where no watch tells, campaign | the election key put at that revision, by that server |
| CAMPAIGN_WON | | ELECTED before it |
| SYNC_START | | how the sync before ended, and that its memory was cleared since; what a sync says after it |
| WINDOW_LOADED | sync_load, client_load | the values of the timestamp key, not one known to be past |
| CLOCK_BEHIND | | the values of the timestamp key |
| SYNC_BEGUN | sync_begin, client_begin, at its clock reading | |
| SYNC_SAVED | who wrote that value, from which clock reading | these values, the save interval |
| SYNC_SKIPPED | sync_skip, client_skip | these values, and what was saved last |
| READY | | why a memory is cleared after it; that it stopped to serve before the next |
| SAVE_ATTEMPT | who may have written that value | its election key, whether it checks, what became of it |
| WINDOW_SAVED | | the values of the timestamp key |
| KEY_OF_ANOTHER, KEY_REMOVED | | its election key |
| FOLLOWING | | who held the election key, how the term before it ended |
| SAVE_REFUSED | the refusal of that reason | the previous value, not above it; what became of it |
| RESET | that the memory is cleared | why; no answer from below what was saved before |
| ALLOCATOR_CLOSED | that the memory is cleared | |
| STEP_DOWN | that the role is given up | that it stopped to serve |
| TRANSFER | | why a memory is cleared |
| REVOKE_FAILED | | why a memory is cleared |
| KEEP_ALIVE_SLOW | | why a memory is cleared |
| KEEP_ALIVE_STOPPED | | that the election key is its own; an exit while it served; the grant of its lease |
| PROVIDER_TSO, PROVIDER_PD | that a PD in API mode may switch | |
| KEY_DELETED | | that the election key of another went, by that revision |
| CLOCK_OFFSET | that a clock jumped | answers above every window |
| ADMIN_RESET | that an admin reset, to which time | answers above every window |

What binds nothing, and why:

| step | why |
|---|---|
| CAMPAIGN_SKIPPED | a server may wait as long as it likes |
| CAMPAIGN_REFUSED | a campaign that changes nothing in etcd is no step |
| EXPECTED_SET | etcd shows the key itself |
| HOLDER_CHANGED | that others lead, etcd shows |
| LOGICAL_LOW | how much of the logical part is used, no state needs to be told |
| EXPECTED_DELETED, EXPECTED_LEFT | etcd shows what matters of it |
| STALE_FAILURE, KEEP_ALIVE_FAILED, TRANSFER_SKIPPED | what follows of it, other lines and etcd tell |
| CLOCK_WENT_BACK, NO_TIMESTAMP, RESET_REFUSED, BEYOND_LIMIT | told to people, no step of the model |
"""
