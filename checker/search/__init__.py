"""Breadth first over all states, on either engine: what is found, kept, and told as runs.

From outside: `explore` searches, `findings` are what it says; a finished search is an `engine`, or
`native` if it is in machine code; `memory` says how much a search may take; `reached` finds a state in
place of violations, `ahead` from any state on. `errors` are for who asked.
"""
