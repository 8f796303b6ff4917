"""What must hold: properties, lemmas for the proofs, scenarios; conditions as people type them: `phrases`."""
