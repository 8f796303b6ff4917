"""Observations explained by runs of the model, or refuted."""
