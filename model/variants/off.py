"""off: PD before pull 10473, as it stands in `model/pd`."""

from ..language.variant import Variant

fence = Variant(
    "off",
    "before pull 10473: nothing ties PD and TSO server together but the growing timestamp key",
    source="tikv/pd at the base of pull 10473",
)
