"""States in packed words, and the machine code that expands them."""
