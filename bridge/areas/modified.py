"""What a modifier on a list, on the patient or on the whole answer means for the items behind it.

FHIR: what holds a `modifierExtension` or `implicitRules` that is not understood must not be processed as if
it were. So such a list does not say what there is, nor that there is nothing; such a patient or answer makes
everything doubtful. What was sent is shown all the same, marked, and is not usable for decision support.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bridge.areas.spec import Mapped
from bridge.mapping.lists import Lists
from bridge.mapping.modifiers import modifiers_in
from bridge.mapping.reading import Reading
from bridge.record import Area

_ANSWER: Final = "Bundle"


def tell_modified(
    reading: Reading,
    bundle: dict[str, Any],
    lists: Lists,
    areas: Mapping[str, Area],
    mapped: Iterable[Mapped],
) -> None:
    """Report such elements of the patient and the answer, and mark what depends on them or on a list."""
    if not reading.source.may_hold_modifiers:
        return
    about_all = _tell_about_all(reading, bundle)
    if about_all:
        _doubt_everything(reading, areas)
    if not about_all and not any(area.modifiers for area in lists.areas.values()):
        return
    for area in mapped:
        for item in area.items:
            _mark(item, about_all | _of_lists(lists, area.spec.list_name(item), item))


def _tell_about_all(reading: Reading, bundle: dict[str, Any]) -> set[str]:
    """Report what stands on the answer or the patient; the codes."""
    found = [(_ANSWER, *each) for each in modifiers_in(_without(bundle, "entry"))]
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict):
            found += [
                (_ANSWER, code, f"entry.{path}") for code, path in modifiers_in(_without(entry, "resource"))
            ]
    for patient in reading.index.resources("Patient"):
        if patient.ref in reading.identity.own_refs:
            found += [(patient.ref, *each) for each in modifiers_in(patient.resource)]
    for ref, code, path in dict.fromkeys(found):
        reading.report(code, ref, path)
    return {code for _, code, _ in found}


def _without(holder: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in holder.items() if key != name}


def _doubt_everything(reading: Reading, areas: Mapping[str, Area]) -> None:
    check = reading.identity.check
    if check["verdict"] == "accept":
        check["verdict"] = "review"
    for area in areas.values():
        area["complete"] = False
        if area["outcome"] == "nothing_recorded":
            area["outcome"] = "list_unusable"


def _of_lists(lists: Lists, area: str, item: Any) -> set[str]:
    """The codes of the lists of an item's area, and of any that names it."""
    ref = item["provenance"]["source_ref"]
    return {
        code
        for name, sent in lists.areas.items()
        if name == area or ref in sent.targets
        for code in sent.modifiers
    }


def _mark(item: Any, codes: set[str]) -> None:
    if codes:
        item["issue_codes"] += sorted(codes.difference(item["issue_codes"]))
        if "usable_for_decision_support" in item:
            item["usable_for_decision_support"] = False
