"""Observations explained by runs of the model under a fence, or refuted.

From outside: `replay`; a `conformance` is the verdict on one fence, `telling` the guard that says most;
`shrinking` finds the part of a recording that shows a violation; for pages also `timeline` (when events
happened).
"""
