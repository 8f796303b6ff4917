"""The graph of all states and steps, in arrays and in networkx.

From outside: `edges` makes one of a finished search, `arrays` is its form; with `backend` imported, networkx
works on it; `states` is a networkx graph of the states that copies nothing.
"""
