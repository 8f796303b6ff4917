"""Proofs as text that another solver checks, and the check.

From outside: `write`, `verify`, `solvers`, `manifest`.
"""
