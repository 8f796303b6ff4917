"""What the tests of decoders share."""

import json
from typing import Any

from hypothesis import strategies as st

INT64 = st.integers(0, (1 << 63) - 1)
NAMES = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())


def numbered(*lines: Any) -> list[tuple[int, bytes | None]]:
    return [
        (number, line if isinstance(line, bytes) or line is None else json.dumps(line).encode())
        for number, line in enumerate(lines, start=1)
    ]
