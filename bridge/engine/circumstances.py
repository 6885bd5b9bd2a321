"""What the ledger keeps of how a try ended beside its code: lists of requests and groups by cause show it."""

from collections.abc import Mapping, Sequence
from typing import Final

from bridge.bus.port import Dead, Disposition
from bridge.engine.outcomes import TryFacts
from bridge.ledger import Circumstances, QualityFound
from bridge.observe import CallNote
from bridge.observe.redaction import redact

_LONGEST: Final = 200
_UPSTREAMS: Final[Mapping[str, str]] = {"pds": "pds", "sds": "sds", "spine": "ssp", "provider": "practice"}
"""Who is in the way, by the stage where a request failed."""


def circumstances(
    facts: TryFacts,
    calls: Sequence[CallNote],
    disposition: Disposition,
    found: Sequence[QualityFound] = (),
) -> Circumstances:
    """How a try ended.

    Args:
        facts: what is told of it: codes, and words of ours.
        calls: that were made, in the order in which they ended.
        disposition: what is done with the message.
        found: how good the records were that came.
    """
    faults = facts.get("faults")
    stage = "request" if faults else facts.get("stage")
    detail = faults or facts.get("detail")
    return Circumstances(
        stage=stage,
        upstream=_upstream(stage, calls),
        # The net under the rule that nothing of a patient is told (JO-033): a site's own pipeline may err.
        detail=redact(detail)[:_LONGEST] if detail else None,
        practice_ods=facts.get("practice_ods") or _last_asked(calls),
        dead_letter=disposition.reason if isinstance(disposition, Dead) else None,
        found=found,
    )


def _upstream(stage: str | None, calls: Sequence[CallNote]) -> str | None:
    """Who was in the way; where the engine gave up by itself, whoever had not answered by then."""
    if stage is not None and stage in _UPSTREAMS:
        return _UPSTREAMS[stage]
    silent = (note.upstream for note in reversed(calls) if note.result != "answered")
    return next(silent, None) if stage == "engine" else None


def _last_asked(calls: Sequence[CallNote]) -> str | None:
    return next((note.where for note in reversed(calls) if note.where is not None), None)
