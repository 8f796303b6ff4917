"""What a search leaves out because nobody can tell."""
