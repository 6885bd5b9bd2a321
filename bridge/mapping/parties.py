"""People and organisations behind an item (digest §6.2, §6.3)."""

from typing import Any

from bridge.fhir import systems
from bridge.fhir.index import BundleIndex, ReceivedEntry
from bridge.fhir.read import Item, JsonObject, code_in, first_code, is_current, is_old, reference_target
from bridge.mapping.bounds import Growth
from bridge.record.common import Party, PartyKind

_KINDS: dict[str, PartyKind] = {
    "Practitioner": "practitioner",
    "PractitionerRole": "practitioner",
    "Organization": "organisation",
    "Patient": "patient",
    "RelatedPerson": "related_person",
    "Location": "location",
    "HealthcareService": "service",
}


class Parties:
    """Resolves references to parties; each is described once."""

    def __init__(self, index: BundleIndex, growth: Growth) -> None:
        self._index = index
        self._growth = growth
        self._known: dict[str, Party] = {}
        self._roles: dict[str, list[ReceivedEntry]] = {}
        for role in index.resources("PractitionerRole"):
            practitioner = role.resource.get("practitioner")
            reference = practitioner.get("reference") if isinstance(practitioner, dict) else None
            if isinstance(reference, str) and (target := reference_target(reference)) is not None:
                self._roles.setdefault(target, []).append(role)

    def party(self, item: Item, sent: Any, path: str) -> Party | None:
        """The party a reference of `item` names; a stub when it was not sent, None when nobody is named."""
        if sent is None:
            return None
        try:
            return self._known[sent["reference"]]
        except (TypeError, KeyError):  # not met yet, or no reference as it should be
            return self._party(item, item.one(sent, path), path)

    def _party(self, item: Item, found: JsonObject, path: str) -> Party | None:
        target = item.reference(found, path) if "reference" in found else None
        if target is None:
            return _of_words(item, found, path)
        if (known := self._known.get(target)) is not None:
            return known
        resource = self._index.resolve(target)
        if resource is None:
            return self._stub(item, found, target, path)
        self._known[target] = self._describe(resource, target)
        self._growth.share(self._known[target])
        return self._known[target]

    def each(self, item: Item, sent: object, path: str) -> list[Party]:
        """The parties that references of `item` name, without those that name nobody."""
        if sent is None:
            return []
        found = [self.party(item, each, path) for each in item.many(sent, path)]
        return [party for party in found if party is not None]

    def on_behalf_of(self, item: Item, party: Party | None, sent: object, path: str) -> Party | None:
        """The party acting for an organisation that the reference `sent` names."""
        organisation = self.party(item, sent, path)
        if organisation is None:
            return party
        merged: Party = {**party} if party is not None else {"kind": "unknown"}
        merged.pop("organisation_ods", None)
        merged.pop("organisation_name", None)
        if "organisation_ods" in organisation:
            merged["organisation_ods"] = organisation["organisation_ods"]
        if "name" in organisation:
            merged["organisation_name"] = organisation["name"]
        return merged

    def _stub(self, item: Item, sent: JsonObject, target: str, path: str) -> Party:
        item.note("dangling_reference", path)
        stub: Party = {"kind": _KINDS.get(target.partition("/")[0], "unknown"), "ref": target}
        if (display := item.text(sent.get("display"), path)) is not None:
            stub["name"] = display
        return stub

    def _describe(self, received: ReceivedEntry, target: str) -> Party:
        item = Item(received.resource, received.ref)
        party: Party = {"kind": _KINDS.get(received.kind, "unknown"), "ref": target}
        if received.kind == "Practitioner":
            # A person with several roles is sent without any: which one applied is not known (§6.2).
            roles = self._roles.get(received.ref, [])
            self._add_person(party, item)
            if len(roles) == 1:
                self._add_role(party, roles[0])
        elif received.kind == "PractitionerRole":
            person = self._index.resolve(
                item.reference(received.resource.get("practitioner"), "practitioner")
            )
            if person is not None:
                self._add_person(party, Item(person.resource, person.ref))
            self._add_role(party, received)
        elif received.kind == "Organization":
            _add_organisation(party, item)
            if "organisation_name" in party:
                party["name"] = party["organisation_name"]
        elif received.kind in ("Location", "HealthcareService"):
            if (name := item.text(received.resource.get("name"), "name")) is not None:
                party["name"] = name
        else:
            self._add_person(party, item)
        return party

    def _add_person(self, party: Party, item: Item) -> None:
        if (name := _person_name(item)) is not None:
            party["name"] = name
        ids: dict[str, str] = {}
        for sent in item.many(item.resource.get("identifier"), "identifier"):
            system = sent.get("system")
            kind = systems.PROFESSIONAL_IDS.get(system) if isinstance(system, str) else None
            value = item.code(sent.get("value"), "identifier.value")
            if kind is not None and value is not None and not is_old(sent):
                ids[kind] = value
        if ids:
            party["professional_ids"] = ids

    def _add_role(self, party: Party, role: ReceivedEntry) -> None:
        item = Item(role.resource, role.ref)
        for concept in item.many(role.resource.get("code"), "code"):
            codings = item.many(concept.get("coding"), "code")
            official = [each for each in codings if code_in(each, systems.JOB_ROLE) and each.get("system")]
            coded = next((each.get("display") for each in official or codings), None)
            words = item.text(concept.get("text"), "code") or item.text(coded, "code") or first_code(concept)
            if words is not None:
                party["role"] = words
                break
        found = self._index.resolve(item.reference(role.resource.get("organization"), "organization"))
        if found is not None and found.kind == "Organization":
            _add_organisation(party, Item(found.resource, found.ref))


def _of_words(item: Item, sent: JsonObject, path: str) -> Party | None:
    """Whoever is named by words alone."""
    if "display" in sent and "reference" not in sent:
        item.note("display_only_reference", path)
    display = item.text(sent.get("display"), path)
    return {"kind": "unknown", "name": display} if display else None


def _add_organisation(party: Party, item: Item) -> None:
    if (name := item.text(item.resource.get("name"), "name")) is not None:
        party["organisation_name"] = name
    for sent in item.many(item.resource.get("identifier"), "identifier"):
        if is_current(sent, systems.ODS_ORGANISATION):
            if (code := item.code(sent.get("value"), "identifier.value")) is not None:
                party["organisation_ods"] = code
            return


def _person_name(item: Item) -> str | None:
    for sent in item.many(item.resource.get("name"), "name"):
        if (text := item.text(sent.get("text"), "name.text")) is not None:
            return text
        parts: list[str] = []
        for key in ("prefix", "given", "family"):
            value = sent.get(key)
            parts += [
                part for part in (value if isinstance(value, list) else [value]) if isinstance(part, str)
            ]
        if words := " ".join(part.strip() for part in parts if part.strip()):
            return words
    return None
