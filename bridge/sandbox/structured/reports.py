"""A report of a laboratory with its results, as a conformant provider sends it (§5.5)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.sandbox.structured.builder import Builder
from bridge.sandbox.structured.clinical import NOTE_CODE, bare_observation, held
from bridge.sandbox.structured.elements import coded, to
from bridge.sandbox.structured.entries import HeldEntry

Json = dict[str, Any]

REPORT_CODE: Final = coded("721981007", "Diagnostic studies report")


@dataclass(frozen=True, slots=True)
class ReportedResult:
    """One result of a report.

    Attributes:
        elements: of the Observation, besides what each has.
        members: the results of a group.
        filing: what the practice wrote when it filed it.
    """

    code: Json
    elements: Json = field(default_factory=dict)
    members: Sequence["ReportedResult"] = ()
    filing: Sequence[str] = ()


def report(
    b: Builder,
    *results: ReportedResult,
    issued: str = "2024-02-20T15:53:00+00:00",
    status: str = "final",
    comments: Sequence[str] = (),
    specimen: str | None = "Venous blood",
    request: str | None = None,
) -> HeldEntry:
    """A report of a laboratory: results in groups or alone, what was sampled and asked, what was said."""
    parts: list[Json] = []
    made = b.clinical("DiagnosticReport") | {
        "status": status,
        "code": REPORT_CODE,
        "subject": to(b.patient),
        "issued": issued,
        "performer": [{"actor": to(b.practice)}],
    }
    if specimen is not None:
        sample = b.clinical("Specimen") | {
            "status": "available",
            "type": {"text": specimen},
            "subject": to(b.patient),
            "collection": {"collectedDateTime": "2024-02-19T08:15:00+00:00"},
            "note": [{"text": "Sample received late"}],
        }
        parts.append(sample)
        made["specimen"] = [to(sample)]
    if request is not None:
        asked = b.clinical("ProcedureRequest") | {
            "status": "active",
            "intent": "order",
            "code": {"text": request},
            "subject": to(b.patient),
            "requester": {"agent": to(b.gp)},
        }
        parts.append(asked)
        made["basedOn"] = [to(asked)]
    named = [_result(b, each, issued, parts, None) for each in results]
    named += [_filing(b, text, parts, None) for text in comments]
    made["result"] = [to(each) for each in named]
    return held(b, HeldEntry("includeInvestigations", made, parts, start=issued, end=issued))


def _result(b: Builder, result: ReportedResult, issued: str, parts: list[Json], group: Json | None) -> Json:
    made = bare_observation(b, result.code) | {"issued": issued, **result.elements}
    parts.append(made)
    related = [{"type": "derived-from", "target": to(group)}] if group is not None else []
    related += [
        {"type": "has-member", "target": to(_result(b, each, issued, parts, made))} for each in result.members
    ]
    if related:
        made["related"] = related
    for text in result.filing:
        _filing(b, text, parts, made)
    return made


def _filing(b: Builder, text: str, parts: list[Json], about: Json | None) -> Json:
    made = bare_observation(b, NOTE_CODE) | {
        "status": "unknown",
        "effectiveDateTime": "2024-02-21T12:00:00+00:00",
        "comment": text,
    }
    if about is not None:
        made["related"] = [{"type": "derived-from", "target": to(about)}]
    parts.append(made)
    return made
