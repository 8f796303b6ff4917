"""What a user may mend: here, so that who only names it needs nothing of a search."""


class CheckpointError(ValueError):
    """A file that this search cannot go on from; the message is one line."""
