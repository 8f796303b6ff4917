"""Observations explained by runs of the model under a fence, or refuted.

From outside: `replay`; for pages also `timeline` (when events happened).
"""
