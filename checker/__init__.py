"""What decides: exploration, liveness, proofs and their certificates."""
