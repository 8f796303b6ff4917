"""Logs with holes that join cleanly: whole lines are there, and nothing tells that others are missing."""

import random

from .planting import Recording

WORDS = (
    *(
        "reset",
        "save",
        "failed",
        "sync",
        "campaign",
        "lease",
        "start",
        "tso",
        "allocator",
        "leader",
        "primary",
    ),
    *("config", "clock", "exit", "closing", "WARN", "INFO", "ERROR", "retry", "keep alive", "resp", "etcd"),
    *("window", "no longer", "signal", "ready"),
)


def with_holes(recording: Recording, chance: random.Random) -> Recording:
    """One log without a line, some lines, a block, every k-th line, or what a filter leaves out."""
    name = chance.choice(recording.logs())
    lines = recording.files[name]
    everywhere = range(len(lines))
    word = chance.choice(WORDS).encode()
    match chance.choice(("line", "lines", "block", "stretch", "every k-th", "without a word", "a word only")):
        case "line":
            gone = {chance.choice(everywhere)}
        case "lines":
            gone = set(chance.sample(everywhere, min(len(lines), chance.randint(2, 20))))
        case "block":
            begin = chance.choice(everywhere)
            gone = {*everywhere[begin : begin + chance.randint(2, 40)]}
        case "stretch":
            begin, end = sorted(chance.sample(everywhere, 2))
            gone = {*everywhere[begin:end]}
        case "every k-th":
            k = chance.randint(2, 9)
            gone = {*everywhere[chance.randrange(k) :: k]}
        case "without a word":
            gone = {number for number, line in enumerate(lines) if word in line}
        case _:
            gone = {number for number, line in enumerate(lines) if word not in line}
    return recording.without(name, gone)
