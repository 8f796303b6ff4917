"""From a live cluster to a recording, and to verdicts as it goes on: it only ever reads.

From outside: `collect` records, as told by an order; `gateway` has what etcd wants to see; `watch` judges
what is recorded as `judge` does, in a folder of `scratch` if nobody keeps it, and `metrics` tells Prometheus.
"""
