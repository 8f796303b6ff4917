"""What holds for all tests: none may fail because a machine is slow, or because of how they were started."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tsofence.model.builds import known as builds
from tsofence.model.variants import fences

# A job in the background ignores Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tables of scenarios that only tests search: looking for one takes some 10 s.  Missing ones appear there.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).parent / "kept")

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def _nothing_stays_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fences and builds of one's own are known to one test only, and those shipped keep their names."""
    monkeypatch.setattr(fences, "_OWN", {"fence": {}, "build": {}})
    yield
    for name, variant in (fences.SHIPPED | builds.SHIPPED).items():
        assert variant.name == name
