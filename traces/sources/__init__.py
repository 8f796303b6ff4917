"""From files to observations: each kind of file has its decoder, and a file's content says what it is.

From outside: `reading` makes a `trace` of files; `observation` has what a trace is made of, `calls` has those
of clients in columns, `spilling` such rows beyond what memory should hold; `settings`, `intervals`,
`servers`, `naming` and `offsets` say what it says of the cluster, `builds` of which build of PD it is;
`packing` opens any file, `lines` reads its text, within limits, and `quoting` reads a line again; `rounded`
knows integers that are not exact; `words` has those of log lines, `state` says which keys of etcd tell
something, `leases` has polls of its leases.
"""
