"""The graph of all states and steps, in arrays and in networkx."""
