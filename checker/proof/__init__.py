"""Obligations for z3, proofs for any number of servers, and runs that refute them.

From outside: `prove`, and `weakest`, the assumptions that are enough.
"""
