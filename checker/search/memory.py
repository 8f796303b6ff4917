"""How much memory a search may take where nobody says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def default_bound() -> int:
    """Bytes: three quarters of what the machine has, or of what this container may use if that is less."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([physical, *container_limits()]) * 3 // 4


def container_limits(root: Path = Path("/")) -> Iterator[int]:
    """The memory limits, in bytes, of the control groups (of either version) that this process is in.

    A group is also bound by those around it.  Inside a container the paths may be those of the host: what
    is not found is passed over, and the top of the file system holds the container's own limit.
    """
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top, name = ("memory", "memory.limit_in_bytes") if controllers else ("", "memory.max")
        group = PurePosixPath(path)
        for place in (group, *group.parents):
            file = root / "sys/fs/cgroup" / top / str(place).lstrip("/") / name
            try:
                # "max" in version 2; version 1 writes a number beyond any machine's memory instead
                yield int(file.read_text())
            except (OSError, ValueError):
                continue
