"""Files of runs: read, written, judged again."""
