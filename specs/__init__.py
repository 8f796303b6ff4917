"""What must hold: properties, lemmas for the proofs, scenarios, exported TLA+."""
