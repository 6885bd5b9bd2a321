"""Reading what a practice answers in FHIR DSTU2 (1.0.2): the care record, and who is behind it.

Only what differs from STU3 is here. People and organisations are rewritten into their STU3 form, so that
identity is compared in one place whichever version a practice speaks.
"""

from typing import Any, Final

from bridge.fhir import systems
from bridge.fhir.index import BundleIndex, index_bundle
from bridge.fhir.read import Item, JsonObject, code_in, first_code
from bridge.values import dataclass

_STU3_SYSTEMS: Final = {
    "http://fhir.nhs.net/Id/nhs-number": systems.NHS_NUMBER,
    "http://fhir.nhs.net/Id/ods-organization-code": systems.ODS_ORGANISATION,
}
_NO_DISTRICT: Final = "0"
"""What some practices send where an address has no district."""


@dataclass(frozen=True, slots=True)
class HtmlSection:
    """One section of a Composition.

    Attributes:
        code: as sent, blanks around it removed.
        title: its heading, when one was sent.
        html: its `text.div`, untouched; None when there is none.
    """

    code: str | None
    title: str | None
    html: str | None


@dataclass(frozen=True, slots=True)
class CareRecordAnswer:
    """The answer of `$gpc.getcarerecord`.

    Attributes:
        index: what was received, patients and organisations in their STU3 form.
        composition: the document.
        sections: of the document, those inside others too.
    """

    index: BundleIndex
    composition: Item
    sections: tuple[HtmlSection, ...]


def read_care_record(resource: object) -> CareRecordAnswer | None:
    """The care record in a Bundle, or in a Composition on its own; None when it holds none."""
    if not isinstance(resource, dict):
        return None
    if resource.get("resourceType") == "Composition":
        resource = {"resourceType": "Bundle", "entry": [{"resource": resource}]}
    entries = resource.get("entry")
    index = index_bundle({"entry": [_as_stu3(each) for each in entries] if isinstance(entries, list) else []})
    documents = index.resources("Composition")
    if resource.get("resourceType") != "Bundle" or not documents:
        return None
    # Entries come in any order, and there is one document by the specification: the first that holds a page.
    read = [Item(each.resource, each.ref) for each in documents]
    found = [(item, tuple(_sections(item, item.resource))) for item in read]
    item, sections = next((each for each in found if any(one.html for one in each[1])), found[0])
    return CareRecordAnswer(index, item, sections)


def _sections(item: Item, holder: JsonObject, levels: int = 4) -> list[HtmlSection]:
    read: list[HtmlSection] = []
    for sent in item.many(holder.get("section"), "section"):
        html = item.one(sent.get("text"), "section.text").get("div")
        read.append(
            HtmlSection(
                code=code_in(sent.get("code"), systems.RECORD_SECTION) or first_code(sent.get("code")),
                title=item.text(sent.get("title"), "section.title"),
                html=html if isinstance(html, str) else None,
            )
        )
        if levels:
            read += _sections(item, sent, levels - 1)
    return read


def _as_stu3(entry: object) -> object:
    """An entry of the bundle; of a patient or organisation, its STU3 form."""
    sent = entry.get("resource") if isinstance(entry, dict) else None
    if not isinstance(sent, dict) or sent.get("resourceType") not in ("Patient", "Organization"):
        return entry
    item = Item(sent, sent["resourceType"])
    resource = {
        **sent,
        "identifier": [
            {**each, "system": _STU3_SYSTEMS.get(str(each.get("system")), each.get("system"))}
            for each in item.many(sent.get("identifier"), "identifier")
        ],
    }
    if sent["resourceType"] == "Patient":
        resource["name"] = [_stu3_name(each) for each in item.many(sent.get("name"), "name")]
        resource["generalPractitioner"] = sent.get("careProvider")
    return {"resource": resource}


def _stu3_name(name: JsonObject) -> JsonObject:
    """A HumanName whose family names, a list in DSTU2, are one text."""
    family = name.get("family")
    if not isinstance(family, list):
        return name
    return {**name, "family": " ".join(part.strip() for part in family if isinstance(part, str))}


def person_name(item: Item) -> str | None:
    """The name of a Patient (a list of names) or of a Practitioner (one name): text, else its parts."""
    names = item.many(item.resource.get("name"), "name")
    name = next((each for each in names if each.get("use") in ("official", "usual")), (names or [{}])[0])
    if (text := item.text(name.get("text"), "name.text")) is not None:
        return text.strip()
    return " ".join(part for key in ("prefix", "given", "family") for part in _words(name.get(key))) or None


def address_lines(item: Item) -> list[str]:
    """The lines of the first address, blank ones and placeholders left out."""
    address = item.one(item.resource.get("address"), "address")
    keys = ("line", "city", "district", "postalCode")
    return [
        line
        for key in keys
        for line in _words(address.get(key))
        if not (key == "district" and line == _NO_DISTRICT)
    ]


def phone_numbers(item: Item) -> list[str]:
    """Every telephone number."""
    contacts = item.many(item.resource.get("telecom"), "telecom")
    return [
        number
        for sent in contacts
        if sent.get("system") in (None, "phone") and (number := item.code(sent.get("value"), "telecom.value"))
    ]


def referred(answer: CareRecordAnswer, item: Item, path: str, kind: str) -> tuple[Item | None, str | None]:
    """The resource of one type that an element refers to, and the words the reference itself has.

    References may point nowhere (a sample has the name of a class as one): then the resource of that type
    is taken, when there is just one.
    """
    words: str | None = None
    for sent in item.many(item.resource.get(path), path):
        words = words or item.text(sent.get("display"), path)
        found = answer.index.resolve(item.reference(sent, path), kind)
        if found is not None and found.kind == kind:
            return Item(found.resource, found.ref), words
    only = answer.index.resources(kind)
    return (Item(only[0].resource, only[0].ref) if len(only) == 1 else None), words


def _words(value: Any) -> list[str]:
    parts = value if isinstance(value, list) else [value]
    return [part.strip() for part in parts if isinstance(part, str) and part.strip()]
