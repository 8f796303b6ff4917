"""What decides: exploration, liveness, proofs and their certificates.

Each folder imports only from those above it:

- `run`: a run, and the plain interpreter going through it again
- `interruption`: Ctrl-C while z3 is at work
- `certificates`: a proof as text that another solver checks, and the check
- `reductions`: what a search leaves out because nobody can tell
- `machine`: states in packed words, and the machine code that expands them
- `search`: breadth first over all states
- `graph`: the graph of all states and steps
- `liveness`: what has to come again and again, decided on that graph
- `processes`: several fences at once
- `proof`: obligations for z3
"""
