"""``bridge preview``: its options stand beside what it does, which needs neither engine nor bus."""

from bridge.cli.preview import preview

__all__ = ["preview"]
