"""The same world as in the integration tests."""

from tests.integration.spine.conftest import machine_store, pds_key, spine, world

__all__ = ["machine_store", "pds_key", "spine", "world"]
