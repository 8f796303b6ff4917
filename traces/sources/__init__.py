"""From files to observations: each kind of file has its decoder, and a file's content says what it is.

From outside: `reading` makes a `trace` of files; `observation` has what a trace is made of, `settings`,
`intervals`, `servers` and `offsets` what it says of the cluster, `builds` of which build of PD it is;
`packing` opens any file within limits.
"""
