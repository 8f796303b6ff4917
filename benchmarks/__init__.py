"""How fast the engines are, beside programs that others would use: `make bench`."""
