"""Reports as practices send them, with what belongs to one, and what came of them."""

import itertools
from typing import Any

from tests.support import bundles as b
from tests.support.mapped import mapped
from tests.support.whole_record import COMMENT, SUBJECT, observation

LIST = "887191000000108"


WANTED: dict[str, Any] = {"investigations": {}}


REPORT = b.concept("721981007", "Diagnostic studies report")


BLOODS = b.concept("1022441000000101", "Full blood count")


NOTE = b.concept(COMMENT, "Comment note")


MARKER = {**b.concept("364712009", "Laboratory test observable"), "text": "Laboratory procedures"}


DEGRADED = b.concept("196411000000103", "Transfer-degraded record entry")


FASTING = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-FastingStatus-1"


TABLE = "Sample      Result\r\n  GLUCOSE      4.1\n\tLACTATE   <0.5\n"


def refs(*ids, kind="Observation"):
    return [b.reference(f"{kind}/{each}") for each in ids]


def report(local_id="r1", *results, **overrides):
    return b.built(
        {
            "resourceType": "DiagnosticReport",
            "id": local_id,
            "identifier": b.identifier(f"dr-{local_id}"),
            "status": "final",
            "code": REPORT,
            **SUBJECT,
            "issued": "2026-02-04T08:00:00+00:00",
            "result": refs(*results),
        },
        overrides,
    )


def related(kind, *ids):
    return [{**({"type": kind} if kind else {}), "target": each} for each in refs(*ids)]


def a_test(local_id, name=None, **overrides):
    return observation(local_id, b.concept("1022431000000105", name or f"Test {local_id}"), **overrides)


def comment(local_id, text="Normal, no action", **overrides):
    return observation(local_id, NOTE, status="unknown", comment=text, **overrides)


def specimen(local_id="s1", **overrides):
    return b.built(
        {
            "resourceType": "Specimen",
            "id": local_id,
            "identifier": b.identifier(f"sp-{local_id}"),
            **SUBJECT,
            "type": {"text": "Blood"},
        },
        overrides,
    )


def request(local_id="q1", **overrides):
    return b.built(
        {
            "resourceType": "ProcedureRequest",
            "id": local_id,
            "identifier": b.identifier(f"pr-{local_id}"),
            "status": "active",
            "intent": "order",
            **SUBJECT,
            "code": {"text": "No code available"},
        },
        overrides,
    )


def record_of(*sent, areas=WANTED, **overrides):
    targets = [
        f"DiagnosticReport/{each['id']}" for each in sent if each["resourceType"] == "DiagnosticReport"
    ]
    return mapped(b.record(b.record_list(LIST, *targets), *sent), areas=areas, **overrides)


def one(*sent):
    (found,) = record_of(*sent)["investigations"]
    return found


def ids(found):
    return [each["provenance"]["source_ref"].partition("/")[2] for each in found]


def shape(found):
    groups = [(ids([each])[0], ids(each["results"])) for each in found["groups"]]
    return groups, ids(found["results"]), ids(found["filing_comments"])


def all_ids(record):
    """Every Observation of the record, as often as it stands there."""
    for found in record["investigations"]:
        groups, alone, comments = shape(found)
        yield from itertools.chain(*([heading, *under] for heading, under in groups), alone, comments)
