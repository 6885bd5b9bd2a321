"""Spine: PDS, SDS, the secure proxy, tokens and TLS."""
