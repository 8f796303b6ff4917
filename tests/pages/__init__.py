"""Pages of docs/ that are made, each by one command: `make matrix`, `make guards`."""
