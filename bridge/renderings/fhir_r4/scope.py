"""What all resources of one Bundle share: ids, references, profiles, and who took part."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid5

from bridge.fhir.systems import ODS_ORGANISATION, PROFESSIONAL_IDS
from bridge.record import AreaItem, Identified, Party
from bridge.renderings.fhir_r4.common import Resource, identifiers
from bridge.renderings.fhir_r4.uk_core import ACT_CODE, ISSUE_CODE, ITEM_ID, SOURCE_REF, profile_of
from bridge.renderings.rendering import R4Profile

PERSONS: Final = frozenset({"Practitioner", "PractitionerRole", "Patient", "RelatedPerson"})
"""Whom most elements of R4 may name that say who did something."""
PARTIES: Final = PERSONS | {"Organization"}

_IDS: Final = UUID("0b6e7d52-33c5-5d8a-8a4e-5b1a0d6f9c11")
"""Namespace of the ids of resources; a constant of this product."""
_CAME_ALONG: Final = "linked_only"
"""Tag of an item that is here because something else was asked for; it says nothing about its area."""
_ID_SYSTEMS: Final = {name: system for system, name in PROFESSIONAL_IDS.items()}
_KINDS: Final = {
    "practitioner": "Practitioner",
    "organisation": "Organization",
    "related_person": "RelatedPerson",
    "location": "Location",
    "service": "HealthcareService",
}
R4_TYPES: Final = {
    "ProcedureRequest": "ServiceRequest",
    "ReferralRequest": "ServiceRequest",
}
"""Types of the practice's STU3 that are called otherwise in R4."""


class R4Scope:
    """One Bundle while it is made.

    References between resources are by `fullUrl`. One to a resource that is not there yet is filled in by
    `settle`, once all are made; one that leads nowhere then names what the practice called it.

    Args:
        header: the fields of `RecordHeader`.
        profile: of the site.
    """

    def __init__(self, header: Mapping[str, Any], profile: R4Profile) -> None:
        self.profile: R4Profile = profile
        self.header = header
        holder = header.get("holder_ods", "")
        # A server files resources by id: two patients' "Allergy/1" must never be one, nor two practices'.
        self._space = uuid5(_IDS, f"{header.get('patient_key', '')} {holder}")
        self._staff = uuid5(_IDS, f"staff {holder}")
        self.shared: list[Resource] = []
        """Patient, practitioners, organisations and so on, in the order in which they were first named."""
        self._by_ref: dict[str, str] = {}
        self._pending: dict[tuple[str, str | None], Resource] = {}
        # Most parties are named by one dictionary each time. It is kept, so that no other has its id.
        self._parties: dict[int, tuple[Party, dict[str, Resource]]] = {}
        self._known: dict[str, str] = {}
        self._metas: dict[tuple[str, ...], Resource] = {}
        self.patient: Resource = {"reference": f"urn:uuid:{self.id('Patient', 'patient')}"}
        """The reference to the patient."""

    def id(self, kind: str, name: str) -> str:
        """The id of a resource: the same in every answer for the same thing of this patient and practice."""
        return str(uuid5(self._space, f"{kind} {name}"))

    def start(self, kind: str, item: Identified | AreaItem, *, profile: str | None = None) -> Resource:
        """The resource of an item, or of a part of one, with its id, profile, labels and identifiers.

        Whatever names the item by its `source_ref` or `item_id` leads to it from now on.

        Args:
            kind: of the resource in R4.
            item: as the record has it.
            profile: of UK Core where its name is not `kind`: `Observation-Lab`.
        """
        provenance = item["provenance"]
        resource_id = self.id(kind, item["item_id"])
        url = f"urn:uuid:{resource_id}"
        self._by_ref[provenance["source_ref"]] = url
        self._by_ref[item["item_id"]] = url
        found = identifiers(provenance["business_ids"])
        found.append({"system": ITEM_ID, "value": item["item_id"]})
        tags = item["issue_codes"] if "linked_only" not in item else [*item["issue_codes"], _CAME_ALONG]
        return {
            "resourceType": kind,
            "id": resource_id,
            "meta": self.meta(profile or kind, provenance["security_labels"], tags),
            "identifier": found,
        }

    def name(self, kind: str, source_ref: str) -> str:
        """The id of the resource for what the practice calls `source_ref`, which leads to it now."""
        resource_id = self.id(kind, source_ref)
        self._by_ref[source_ref] = f"urn:uuid:{resource_id}"
        return resource_id

    def derived(self, kind: str, item: Identified, part: str, *, profile: str | None = None) -> Resource:
        """A resource made of a part of an item that has no id of its own: its medication, for example.

        Args:
            kind: of the resource in R4.
            item: as the record has it.
            part: tells it from other parts of the item.
            profile: of UK Core where its name is not `kind`.
        """
        return {
            "resourceType": kind,
            "id": self.id(kind, f"{item['item_id']} {part}"),
            "meta": self.meta(profile or kind, item["provenance"]["security_labels"]),
        }

    def meta(self, profile: str, labels: Sequence[str] = (), issues: Sequence[str] = ()) -> Resource:
        """The profile, and the labels that a practice has put on an item (CS-059).

        Args:
            profile: of UK Core: the name of a type, or of a further profile of it.
            labels: `security_labels`.
            issues: `issue_codes`: what a reader should know about the item, as tags.
        """
        key = profile, *labels, "", *issues
        if (found := self._metas.get(key)) is None:
            found = self._metas[key] = {"profile": [profile_of(profile)]}
            if labels:
                found["security"] = [{"system": ACT_CODE, "code": label} for label in labels]
            if issues:
                found["tag"] = [{"system": ISSUE_CODE, "code": code} for code in issues]
        return found

    def address(self, ref: str) -> str | None:
        """The `fullUrl` of an item that has a resource, by its `item_id` or its `source_ref`."""
        return self._by_ref.get(ref)

    def reference(self, source_ref: str, display: str | None = None) -> Resource:
        """A reference to what the practice calls `source_ref`, or to an item by its `item_id`.

        Args:
            source_ref: as the record has it.
            display: the words that were sent with it.
        """
        key = source_ref, display
        if (found := self._pending.get(key)) is None:
            found = self._pending[key] = {} if display is None else {"display": display}
        return found

    def settle(self) -> None:
        """Fill in the references, now that all resources are made."""
        for (source_ref, _), reference in self._pending.items():
            if (url := self._by_ref.get(source_ref)) is not None:
                reference["reference"] = url
                continue
            reference["identifier"] = {"system": SOURCE_REF, "value": source_ref}
            kind = source_ref.partition("/")[0]
            if kind.isalpha() and kind != source_ref:
                reference["type"] = R4_TYPES.get(kind, kind)

    def party(self, party: Party | None, allowed: Collection[str] = PERSONS) -> Resource | None:
        """A reference to who took part, whose resource is in `shared` then; None of nobody.

        Args:
            party: as the record has it.
            allowed: types of resources that the element may refer to: anything else is named by words alone.
        """
        if party is None:
            return None
        if (known := self._parties.get(id(party))) is None:
            known = self._parties[id(party)] = party, self._party(party)
        references = known[1]
        for kind in ("PractitionerRole", *references):
            if kind in references and kind in allowed:
                return references[kind]
        return {
            "display": party.get("name") or party.get("organisation_name") or party.get("role") or "unknown"
        }

    def organisation(self, ods_code: str | None, name: str | None) -> Resource | None:
        """A reference to an organisation; None where nothing is known of it."""
        if ods_code is None and name is None:
            return None
        key = f"Organization {ods_code} {name}"
        organisation: Resource = {}
        if ods_code is not None:
            organisation["identifier"] = [{"system": ODS_ORGANISATION, "value": ods_code}]
        if name is not None:
            organisation["name"] = name
        return self._share("Organization", key, organisation, name or ods_code)

    def _party(self, party: Party) -> dict[str, Resource]:
        """References to it, by the type of the resource."""
        kind = party["kind"]
        name, ref = party.get("name"), party.get("ref", "")
        if kind == "patient":
            return {"Patient": self.patient}
        if kind == "organisation":
            ods_code = party.get("organisation_ods")
            found = self.organisation(ods_code, name or party.get("organisation_name"))
            return {} if found is None else {"Organization": found}
        if kind not in _KINDS:
            return {}
        ids = party.get("professional_ids", {})
        content: Resource = {}
        known = [
            {"system": _ID_SYSTEMS[which], "value": value}
            for which, value in ids.items()
            if which in _ID_SYSTEMS
        ]
        if known:
            content["identifier"] = known
        if name is not None:
            content["name"] = name if kind in ("location", "service") else [{"text": name}]
        if kind == "related_person":
            content["patient"] = self.patient
        r4_kind = _KINDS[kind]
        key = f"{r4_kind} {ref} {name} {sorted(ids.items())}"
        person = self._share(r4_kind, key, content, name)
        found_all = {r4_kind: person}
        role, ods_code = party.get("role"), party.get("organisation_ods")
        organisation = self.organisation(ods_code, party.get("organisation_name"))
        if kind == "practitioner" and (role is not None or organisation is not None):
            in_role: Resource = {"practitioner": person}
            if organisation is not None:
                in_role["organization"] = organisation
            if role is not None:
                in_role["code"] = [{"text": role}]
            place = f"{key} {role} {ods_code} {party.get('organisation_name')}"
            found_all["PractitionerRole"] = self._share("PractitionerRole", place, in_role, name)
        return found_all

    def _share(self, kind: str, key: str, content: Resource, display: str | None) -> Resource:
        """A reference to a resource that many may name: made when it is first named."""
        url = self._known.get(key)
        if url is None:
            # Staff and organisations are the same for all patients of a practice.
            space = self._space if kind == "RelatedPerson" else self._staff
            resource_id = str(uuid5(space, key))
            url = self._known[key] = f"urn:uuid:{resource_id}"
            self.shared.append({"resourceType": kind, "id": resource_id, "meta": self.meta(kind), **content})
        reference: Resource = {"reference": url}
        if display is not None:
            reference["display"] = display
        return reference
