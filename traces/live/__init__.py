"""From a live cluster to a recording: it only ever reads.

From outside: `collect` records, as told by an order; `gateway` has what etcd wants to see.
"""
