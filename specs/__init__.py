"""What must hold: properties, lemmas for the proofs, scenarios."""
