"""Recorded runs: what files say (`observation`, `sources`), and what follows from that alone (`judge`)."""
