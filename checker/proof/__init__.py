"""Obligations for z3, proofs for any number of servers, and runs that refute them.

From outside: `prove`, what it gives (a `Proof` of `attempt`), and `weakest`, the assumptions that are enough.
"""
