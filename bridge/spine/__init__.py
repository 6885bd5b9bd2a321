"""Spine: PDS, SDS, the secure proxy, tokens and TLS."""

from bridge.spine.client import Spine

__all__ = ["Spine"]
