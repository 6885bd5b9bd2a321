"""ReferralRequest to `Referral` (digest §5.6)."""

from typing import Final

from bridge.areas.referrals.model import Referral, ReferralPriority
from bridge.areas.referrals.options import ReferralOptions
from bridge.areas.spec import AreaAnswer
from bridge.fhir import systems
from bridge.fhir.read import Item, is_old
from bridge.mapping.coded import DEGRADED_REFERRAL, concepts
from bridge.mapping.items import newest_first, read_items
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.provenance import item_id, provenance
from bridge.mapping.reading import Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.mapping.values import notes
from bridge.record.common import Party

_AREA: Final = "referrals"
_PRIORITIES: Final[dict[str, ReferralPriority]] = {
    "routine": "routine",
    "urgent": "urgent",
    "asap": "two_week_wait",  # what it stands for in e-RS (digest §5.6)
}
_SET_ASIDE: Final = frozenset(
    {
        "definition", "groupIdentifier", "occurrenceDateTime", "occurrencePeriod", "reasonReference",
        "relevantHistory", "replaces", "type",
    }
)  # fmt: skip


def map_referrals(answer: AreaAnswer[ReferralOptions]) -> list[Referral]:
    """Every referral of the bundle; the newest first."""
    found = read_items(answer.reading, "ReferralRequest", _AREA, _referral)
    return newest_first(found, lambda each: each.get("referred_at"))


def _referral(reading: Reading, item: Item) -> Referral:
    resource = item.resource
    requester = _requester(reading, item)
    origin = provenance(
        reading, item, author=requester, encounter=item.reference(resource.get("context"), "context")
    )
    referral: Referral = {
        "item_id": item_id(item, origin["business_ids"]),
        "reasons": concepts(item, resource.get("reasonCode"), "reasonCode", degrade_to=DEGRADED_REFERRAL),
        "recipients": reading.parties.each(item, resource.get("recipient"), "recipient"),
        "services": [
            *concepts(item, resource.get("serviceRequested"), "serviceRequested"),
            *concepts(item, resource.get("specialty"), "specialty"),
        ],
        "documents": reading.links.many(item, resource.get("supportingInfo"), "supportingInfo"),
        "notes": notes(item, resource.get("note")),
        "issue_codes": [],
        "provenance": origin,
    }
    if requester is not None:
        referral["requester"] = requester
    _add_details(reading, item, referral)
    if item.extensions(resource):
        item.note("unknown_extension", "extension")
    note_set_aside(item, resource, _SET_ASIDE)
    note_modifiers(reading, item)
    referral["issue_codes"] = item.codes()
    return referral


def _requester(reading: Reading, item: Item) -> Party | None:
    sent = item.one(item.resource.get("requester"), "requester")
    agent = reading.parties.party(item, sent.get("agent"), "requester.agent")
    if "onBehalfOf" in sent:
        return reading.parties.on_behalf_of(item, agent, sent["onBehalfOf"], "requester.onBehalfOf")
    return agent


def _add_details(reading: Reading, item: Item, referral: Referral) -> None:
    resource = item.resource
    if (ubrn := _ubrn(item)) is not None:
        referral["ubrn"] = ubrn
    if (sent := item.code(resource.get("priority"), "priority")) is not None:
        referral["priority"] = _PRIORITIES.get(sent, "unknown")
        if sent not in _PRIORITIES:
            referral["source_priority"] = sent
    if (authored := item.date(resource.get("authoredOn"), "authoredOn")) is not None:
        referral["referred_at"] = authored
    if (description := item.text(resource.get("description"), "description")) is not None:
        referral["description"] = description
    if (consultation := reading.links.one(item, resource.get("context"), "context")) is not None:
        referral["consultation"] = consultation
    if earlier := reading.links.many(item, resource.get("basedOn"), "basedOn"):
        referral["earlier_referrals"] = earlier


def _ubrn(item: Item) -> str | None:
    """The first booking reference in use; it is among the business identifiers all the same."""
    for sent in item.many(item.resource.get("identifier"), "identifier"):
        if item.code(sent.get("system"), "identifier.system") in systems.UBRN and not is_old(sent):
            return item.code(sent.get("value"), "identifier.value")
    return None
