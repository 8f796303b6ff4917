"""Recorded runs and runs that were found: what files say, what follows from it, and how results are told.

Each folder imports only from those above it:

- `sources`: from files to observations
- `clocks`: how far the clocks of hosts are apart, and times on one of them
- `output`: what reaches a terminal, a file or the shell
- `judge`: properties judged on observations alone
- `questions`: what people ask, answered from lines and calls alone
- `explain`: observations explained by runs of the model, or refuted
- `runs`: files of runs
- `story`: a run told step by step
- `export`: runs and systems for the tools of others
- `stepping`: a system stepped through by hand
- `live`: recordings of clusters that run, judged as it comes
- `page`: pages for a browser
- `tell`: tables, progress and JSON of every command
"""
