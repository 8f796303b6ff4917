"""Observations explained by runs of the model under a fence, or refuted.

From outside: `replay`; `shrinking` finds the part of a recording that shows a violation.
"""
