"""Every rendering that is published; to add one, add its line."""

from collections.abc import Mapping
from typing import Final

from bridge.renderings import cloudevents_json
from bridge.renderings.rendering import Rendering

RENDERINGS: Final[Mapping[str, Rendering]] = {
    "cloudevents_json": cloudevents_json.render,
}
"""By name. Of each event they are called in this order."""
