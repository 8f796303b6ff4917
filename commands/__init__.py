"""The commands, a module each with a `command` of click's, and `taking`: what several of them take."""
