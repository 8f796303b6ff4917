"""Breadth first over all states, on either engine: what is found, kept, and told as runs."""
