"""What a log's lines bind: steps of the model (`explain/proposals.py`), what must agree with them in etcd, in
the same log and in clients' samples (`explain/contradictions.py`, `answers.py`), and what their absence says
(`explain/lacking.py`, `roles.py`: never more than that lines are missing).

| step | binds a step of the model | must agree with |
|---|---|---|
| SERVER_START | restart, with a crash before it; in which mode, with which settings | |
| SERVER_EXIT | stop | |
| CAMPAIGN_START | | an election's time; ELECTED before CAMPAIGN_WON; that it leads and watches no more |
| CAMPAIGN_SKIPPED | | that it leads and watches no more |
| CAMPAIGN_REFUSED | | CAMPAIGN_START before it |
| LEASE_GRANTED | | the lease of the election key that ELECTED names after it; granted once, in a campaign |
| ELECTED | where no watch tells, campaign | the election key put at that revision, by that server |
| CAMPAIGN_WON | | ELECTED before it |
| SYNC_START | | how the sync before ended, and that its memory was cleared since; what a sync says after it |
| WINDOW_LOADED | sync_load, client_load | the values of the timestamp key, not one known to be past |
| CLOCK_BEHIND | | the values of the timestamp key |
| SYNC_BEGUN | sync_begin, client_begin, at its clock reading | |
| SYNC_SAVED | who wrote that value, from which clock reading | these values, the save interval |
| SYNC_SKIPPED | sync_skip, client_skip | these values, and what was saved last |
| EXPECTED_SET | | its election, or a transfer, before it |
| EXPECTED_DELETED | | its election before it; that etcd shows as many deletions |
| READY | | the mode of its start; why a memory is cleared after it; that it stepped down before the next |
| SAVE_ATTEMPT | who may have written that value | its election key, whether it checks, what became of it |
| WINDOW_SAVED | | the values of the timestamp key |
| KEY_OF_ANOTHER | | its election key |
| KEY_REMOVED | | its election key; that it stepped down |
| FOLLOWING | | who held the election key; that it stepped down |
| HOLDER_CHANGED | | FOLLOWING before it |
| SAVE_REFUSED | the refusal of that reason | the previous value, not above it; what became of it |
| RESET | that the memory is cleared | why; no answer from below what was saved before |
| ALLOCATOR_CLOSED | that the memory is cleared | |
| STEP_DOWN | that the role is given up | that it stopped to serve; that its election key goes |
| TRANSFER | | why a memory is cleared |
| REVOKE_FAILED | | why a memory is cleared; the grant of its lease |
| KEEP_ALIVE_SLOW | | why a memory is cleared; the grant of its lease |
| KEEP_ALIVE_FAILED | | the grant of its lease |
| KEEP_ALIVE_STOPPED | | that the election key is its own; an exit while it served; the grant of its lease |
| PROVIDER_TSO, PROVIDER_PD | that a PD in API mode may switch | its election before it |
| KEY_DELETED | | that the election key of another went, by that revision; FOLLOWING before it |
| CLOCK_OFFSET | that a clock jumped | answers above every window; the sync that set its memory |
| LOGICAL_LOW | | the sync that set its memory |
| ADMIN_RESET | that an admin reset, to which time | answers above every window |

What binds nothing, and why:

| step | why |
|---|---|
| EXPECTED_LEFT | etcd shows what matters of it; no line says of which keyspace group it is |
| STALE_FAILURE, TRANSFER_SKIPPED | what follows of it, other lines and etcd tell |
| CLOCK_WENT_BACK, NO_TIMESTAMP, RESET_REFUSED, BEYOND_LIMIT | told to people, no step of the model |
"""
