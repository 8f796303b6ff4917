"""nextgen-8.5.4: saves as at the base of pull 10473.

Source: tikv/pd v8.5.4-nextgen.202510.9 `pkg/storage/endpoint/tso.go` (SaveTimestamp); pull 9171.
"""

from ..language.variant import Variant

build = Variant(
    "nextgen-8.5.4",
    "8.5.4-nextgen, 9.0 beta 2, 26.3: a save compares the own election key, and wants more than the key "
    "holds (pull 9171), as at the base of pull 10473",
    source="tikv/pd v8.5.4-nextgen.202510.9",
)
