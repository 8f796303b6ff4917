"""Recorded runs and runs that were found: what files say, what follows from it, and how results are told.

Each folder imports only from those above it:

- `sources`: from files to observations
- `output`: what reaches a terminal, a file or the shell
- `judge`: properties judged on observations alone
- `explain`: observations explained by runs of the model, or refuted
- `runs`: files of runs
- `story`: a run told step by step
- `page`: pages for a browser
- `tell`: tables, progress and JSON of every command
"""
