"""Scenarios that several tests search."""

TINY = """
description = "small enough for a test"
[servers]
pd = 1
tso = 1
[time]
window = 3
[clients]
limit = 2
[faults.pd]
term = 1
[faults.tso]
term = 1
"""
