"""From files to observations: each kind of file has its decoder."""
