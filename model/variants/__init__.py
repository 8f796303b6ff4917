"""What may be changed of that system: the fences, each by its name."""
