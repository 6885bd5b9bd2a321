"""How the pipelines of an installation are found: by entry point, so that a site ships its own."""

from collections.abc import Sequence

from bridge.errors import Misconfigured
from bridge.installed import offered
from bridge.pipelines.declaration import Pipeline

ENTRY_POINTS = "gpconnect_bridge.pipelines"


def installed_pipelines(only: Sequence[str] = ()) -> list[Pipeline]:
    """The pipelines of this installation, by the entry point group ``gpconnect_bridge.pipelines``.

    Args:
        only: names to keep; empty keeps all.

    Raises:
        Misconfigured: a name is unknown, or two pipelines share a name or a kind of request.
    """
    found: dict[str, Pipeline] = {}
    takers: dict[str, str] = {}
    for point in offered(ENTRY_POINTS):
        declared: Pipeline = point.load()
        if declared.name in found:
            raise Misconfigured(f"two installed pipelines are named {declared.name!r}")
        found[declared.name] = declared
        for operation in declared.operations:
            other = takers.setdefault(operation.accepts, declared.name)
            if other != declared.name:
                # Both queues would get a copy of the request, and both would do what it asks.
                raise Misconfigured(f"{other!r} and {declared.name!r} both accept {operation.accepts!r}")
    if unknown := sorted(set(only) - set(found)):
        raise Misconfigured(f"no such pipeline: {', '.join(unknown)} (installed: {', '.join(sorted(found))})")
    return [found[name] for name in sorted(only or found)]
