"""How requests go at the moment: each pipeline, and each practice that was asked."""

from collections.abc import Sequence
from datetime import datetime

from bridge.ledger.storage.overview import CodeSeen, PipelineOverview, PracticeOverview
from bridge.operations.site import Stores

__all__ = ["CodeSeen", "PipelineOverview", "PracticeOverview", "pipelines", "practices"]


async def pipelines(stores: Stores, *, since: datetime) -> Sequence[PipelineOverview]:
    """Every pipeline that received a request since then, or has one open, by name."""
    return await stores.ledger.oversight.pipelines(since=since)


async def practices(stores: Stores, *, since: datetime) -> Sequence[PracticeOverview]:
    """Every practice that was asked since then, the worst first."""
    return await stores.ledger.oversight.practices(since=since)
