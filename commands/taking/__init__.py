"""What commands take: how it is checked, and what is said where it is wrong."""
