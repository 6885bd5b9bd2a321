"""The clients against a server that a test makes hostile."""

from tests.integration.spine.conftest import gpconnect, machine_store, pds_key, spine, world

__all__ = ["gpconnect", "machine_store", "pds_key", "spine", "world"]
