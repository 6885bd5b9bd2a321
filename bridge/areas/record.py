"""A bundle becomes a record: the story of one mapping, and the account of every resource in it."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, cast
from uuid import UUID, uuid5

import orjson

from bridge.areas.choices import tell_choices
from bridge.areas.description import describe_areas, read_refusals
from bridge.areas.gp_record import GpRecord
from bridge.areas.linked import tell_links
from bridge.areas.modified import tell_modified
from bridge.areas.problems.linked import Problems
from bridge.areas.spec import AreaAnswer, AreaTable, Conclusion, Mapped
from bridge.areas.table import AREAS
from bridge.errors import ResponseInvalid
from bridge.fhir.index import ReceivedEntry, comparable_hash, index_bundle
from bridge.fhir.read import best_text
from bridge.mapping.asked import Asked, Source
from bridge.mapping.bounds import check_entries, check_size
from bridge.mapping.identity import identify, name_of
from bridge.mapping.lists import read_lists
from bridge.mapping.reading import MALFORMED, WRONG_PATIENT, Reading
from bridge.record.common import Issue
from bridge.record.retrieval import SCHEMA_VERSION, SOURCE_LABEL, Accounting, Area, Retrieved, Unmapped

_SNAPSHOTS = UUID("6f0a2a39-6c1f-5d0e-9a54-6d8f3c1f4b7e")
"""Namespace of snapshot ids; a constant of this product."""

_CONTEXT = frozenset(
    {
        "Patient",
        "Practitioner",
        "PractitionerRole",
        "Organization",
        "Location",
        "HealthcareService",
        "RelatedPerson",
        "Device",
        "List",
        "OperationOutcome",
    }
)
_NO_RESOURCE = "An entry of the bundle holds no resource."
_OTHERS_REPORT = "The report that names it is about another patient."
_UNKNOWN_TYPE = "The type of resource is not one that GP Connect sends."


def map_record(bundle: object, *, asked: Asked, source: Source, table: AreaTable = AREAS) -> GpRecord:
    """Map a bundle to the record a hospital reads.

    Args:
        bundle: any JSON value, as `orjson.loads` gives it. It is not changed; parts of it may be shared.
        asked: what was asked, of whom.
        source: where and when it was had.
        table: the areas of the record; it has a field of the name of each.

    Returns:
        the record, whatever is inside the bundle. Who it is about is judged in `demographics`: with the
        verdict `reject` nothing of it may be used (CS-051).

    Raises:
        ResponseInvalid: the value is not a FHIR Bundle at all, or its record would be out of all proportion.
    """
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise ResponseInvalid(stage="mapping", detail=_what(bundle), body_sha256=source.body_sha256)
    check_entries(bundle, source.body_sha256)
    index = index_bundle(bundle)
    reading = Reading(index, asked, source, identify(index, asked))
    for code in source.issues:
        reading.report(code)
    for path in reading.identity.conflicts:
        reading.report("patient_conflict", reading.identity.ref, path)
    refusals = read_refusals(reading, table)
    lists = read_lists(reading, table.lists)
    problems = Problems(reading)
    wanted = table.wanted(reading, lists)
    read = table.brought(wanted).union(wanted)
    mapped: list[Mapped] = []
    for spec in table.areas:
        if spec.always_read or spec.name in read:
            answer = AreaAnswer(reading, lists, wanted.get(spec.name), refusals.parts.get(spec.name, {}))
            reading.links.area = spec.name
            mapped.append(Mapped(spec, answer, spec.read(answer)))
    tell_links(reading, table, lists, mapped, wanted)
    linked = problems.linked()
    accounting = _account(reading, table, mapped)
    areas = describe_areas(reading, table, refusals, lists, mapped)
    tell_modified(reading, bundle, lists, areas, mapped)
    tell_choices(reading, table, areas, mapped, [each.received for each in lists.contained])
    conclusion = _conclude(reading, mapped, areas)
    record: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "snapshot_id": "",
        "source_label": SOURCE_LABEL,
        "retrieved_at": source.retrieved_at,
        "source_hash": f"sha256:{source.body_sha256}",
        "demographics": reading.identity.check,
        **conclusion.always,
        "areas": list(areas.values()),
        **{spec.name: [] for spec in table.areas},
        **{area.spec.name: area.items for area in mapped},
        "linked_problems": linked,
        "unmapped": sorted(reading.unmapped, key=_unmapped_order),
        "issues": [],
        "counts": {kind: len(found) for kind, found in sorted(index.by_kind.items())},
        "accounting": accounting,
        **conclusion.at_times,
    }
    of_record = cast("Retrieved", record)
    _add_identity(of_record, reading)
    # By name, whatever the order of the table: a snapshot id must not depend on that.
    by_name = sorted(mapped, key=lambda area: area.spec.name)
    origins = [*_origins(by_name), *_shown(reading)]
    if len(set(origins)) != len(reading.mapped):
        _mark_incomplete(of_record, reading)
    # A resource that is read for several purposes tells the same of itself each time.
    issues = {_issue_order(issue): issue for issue in reading.issues}
    record["issues"] = [issues[key] for key in sorted(issues)]
    check_size(
        lambda: _pieces(record, mapped),
        reading.growth,
        mapped=accounting["mapped"],
        body_sha256=source.body_sha256,
    )
    record["snapshot_id"] = _snapshot_id(of_record, by_name, origins, source)
    return cast("GpRecord", record)


def _what(value: object) -> str:
    """What came in place of a Bundle; nothing of its content."""
    kind = value.get("resourceType") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind.isascii() and kind.isalpha() and len(kind) < 64:  # noqa: PLR2004
        return f"resourceType {kind}"
    return "no resourceType" if isinstance(value, dict) else f"JSON {type(value).__name__}"


def _add_identity(record: Retrieved, reading: Reading) -> None:
    identity, source, asked = reading.identity, reading.source, reading.asked
    if source.patient_key is not None:
        record["patient_key"] = source.patient_key
    if identity.nhs_number is not None:
        record["nhs_number"] = identity.nhs_number
    if asked.superseded_nhs_number is not None:
        record["superseded_nhs_number"] = asked.superseded_nhs_number
    if reading.holder_ods is not None:
        record["holder_ods"] = reading.holder_ods
    if (holder_name := name_of(reading.holder_ods, identity.organisations)) is not None:
        record["holder_name"] = holder_name
    if source.version is not None:
        record["source_version"] = source.version


def _account(reading: Reading, table: AreaTable, mapped: Sequence[Mapped]) -> Accounting:
    """Say of every entry what became of it; what nothing else claimed is listed as unmapped."""
    index = reading.index
    for entry in index.malformed:
        _set_aside_entry(reading, entry)
    fates = dict.fromkeys(reading.context, "context")
    fates |= dict.fromkeys(reading.aside, "unmapped") | dict.fromkeys(reading.mapped, "mapped")
    kinds = {kind for area in mapped for kind in area.spec.kinds}
    uses = _CONTEXT.union(*(area.spec.uses for area in mapped))
    became = {"mapped": 0, "context": 0, "not_requested": 0, "unmapped": len(index.malformed)}
    for kind, found in index.by_kind.items():
        usual = _usual_fate(kind, table, kinds, uses)
        for received in found:
            fate = fates.get(id(received.resource)) or usual
            became[fate or _left_over(reading, table, mapped, received)] += 1
    return {
        "received": len(index.received) + len(index.malformed),
        "mapped": became["mapped"],
        "context": became["context"],
        "not_requested": became["not_requested"],
        "unmapped": became["unmapped"],
    }


def _usual_fate(kind: str, table: AreaTable, kinds: set[str], uses: frozenset[str]) -> str | None:
    """What becomes of resources of this type that nothing claimed; None when each is to be looked at.

    Args:
        kind: the type.
        table: of the record.
        kinds: the types that items of the areas that were read are made of.
        uses: those that are context.
    """
    if kind == "Patient" or kind in kinds:
        return None
    if kind in uses:
        return "context"
    return "not_requested" if kind in table.kinds else None


def _left_over(reading: Reading, table: AreaTable, mapped: Sequence[Mapped], received: ReceivedEntry) -> str:
    if received.kind == "Patient":
        if received.ref in reading.identity.own_refs:
            return "context"
        reading.set_aside(received, "wrong_patient", WRONG_PATIENT, None)
    elif any(area.maps(reading, received) for area in mapped):
        reading.set_aside(received, "malformed", MALFORMED, None)
    elif received.kind == "Observation" and reading.uses.is_of_others(received.ref):
        # It came with reports that were asked for: where observations are not, nothing else would tell of it.
        reading.set_aside(received, "dangling_reference", _OTHERS_REPORT, None)
    elif received.kind in table.kinds:
        return "not_requested"
    else:
        reading.set_aside(received, "unknown_type", _UNKNOWN_TYPE, None)
    return "unmapped"


def _set_aside_entry(reading: Reading, entry: object) -> None:
    """An entry without a resource; some suppliers put the resource's fields where the entry's belong."""
    unmapped: Unmapped = {"source_ref": "entry", "reason": "malformed", "detail": _NO_RESOURCE}
    if (display := best_text(entry)) is not None:
        unmapped["display"] = display
    if isinstance(entry, dict):
        parts = [entry.get("resourceType"), entry.get("id")]
        named = "/".join(part for part in parts if isinstance(part, str) and part)
        unmapped["source_ref"] = f"entry {named}" if named else "entry"
    reading.unmapped.append(unmapped)


def _conclude(reading: Reading, mapped: Sequence[Mapped], areas: Mapping[str, Area]) -> Conclusion:
    """What all areas together add to the record besides their items."""
    found = [area.spec.conclude(reading, area.items, areas) for area in mapped]
    return Conclusion(
        {name: value for each in found for name, value in each.always.items()},
        {name: value for each in found for name, value in each.at_times.items()},
    )


def _origins(mapped: Sequence[Mapped]) -> list[tuple[str, str]]:
    """Reference and hash of every resource that stands in the record, as often as it does."""
    origins = [part["provenance"] for area in mapped for part in area.parts]
    return [(origin["source_ref"], origin["content_hash"]) for origin in origins]


def _shown(reading: Reading) -> list[tuple[str, str]]:
    """Reference and hash of every resource that stands inside of an item."""
    return sorted(
        (received.ref, comparable_hash(received.resource)) for received, _ in reading.shown.values()
    )


def _pieces(record: Mapping[str, Any], mapped: Sequence[Mapped]) -> Iterator[object]:
    """Everything in the record, once for each time it is written, in pieces that repeat nothing inside."""
    # Only items share what can be of any length.
    items = {area.spec.name for area in mapped}
    yield {name: value for name, value in record.items() if name not in items}
    for area in mapped:
        for item in area.items:
            yield from area.spec.pieces_of(item)


def _mark_incomplete(record: Retrieved, reading: Reading) -> None:
    """Not every resource that counts as mapped stands in the record."""
    reading.report("count_mismatch")
    for area in record["areas"]:
        area["complete"] = False


def _snapshot_id(
    record: Retrieved, mapped: Sequence[Mapped], origins: Sequence[tuple[str, str]], source: Source
) -> str:
    """The same for the same content of the same request: what differs from call to call stays out.

    Every item goes in by the hash of what was received and by what it is called, which may stand in another
    resource; that they are many makes writing them out whole too slow.
    """
    named = [
        area.spec.named_elsewhere(item)
        for area in mapped
        if area.spec.named_elsewhere is not None
        for item in area.items
    ]
    content = orjson.dumps(
        [
            record["demographics"],
            record["areas"],
            origins,
            named,
            record["linked_problems"],
            record["unmapped"],
            record["counts"],
        ]
    )
    return str(uuid5(_SNAPSHOTS, f"{source.request_id} {sha256(content).hexdigest()}"))


def _unmapped_order(entry: Unmapped) -> tuple[str, str, str]:
    return entry["source_ref"], entry["reason"], entry.get("display", "")


def _issue_order(issue: Issue) -> tuple[str, str, str]:
    return issue.get("source_ref", ""), issue["code"], issue.get("path", "")
