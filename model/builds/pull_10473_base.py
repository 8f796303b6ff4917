"""pull-10473-base: PD as it stands in `model/pd`.

A save reads the server's election key and compares it, twice with its own value; the stale delete is there.

Source: tikv/pd 033398bf1b, the base of pull 10473; its head adds the fence check-tso-primary.
"""

from ..language.variant import Variant

build = Variant(
    "pull-10473-base",
    "the base of pull 10473 (033398bf1b): a save compares the own election key, and wants more than the key "
    "holds",
    source="tikv/pd 033398bf1b",
)
