"""Dead letters on NATS."""

import pytest

from tests.integration.bus.dead_letter_store import DeadLetterStoreConformance

pytestmark = pytest.mark.nats


class TestDeadLetterStore(DeadLetterStoreConformance):
    """Streams, read by number."""
