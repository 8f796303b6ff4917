"""What has to come again and again, decided on the graph of all states.

From outside: `liveness` decides; `forever` judges one run that repeats.
"""
