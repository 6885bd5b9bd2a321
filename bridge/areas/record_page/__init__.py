"""One page of a structured record, made of its events: to look at, never to decide by."""

from bridge.areas.record_page.events import Events
from bridge.areas.record_page.render import render

__all__ = ["Events", "render"]
