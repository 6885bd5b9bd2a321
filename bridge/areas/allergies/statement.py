"""What a record says about allergies as a whole."""

from collections.abc import Mapping

from bridge.areas.allergies.model import Allergy, AllergyKind, AllergyStatement
from bridge.areas.spec import Conclusion
from bridge.mapping.reading import Reading
from bridge.record import Area

_DOUBTS = frozenset(
    {
        "status_conflict",
        "modifier_extension",
        "implicit_rules",
        "list_entry_deleted",
        "not_in_list",
        "subject_unresolved",
    }
)


def conclude(reading: Reading, allergies: list[Allergy], areas: Mapping[str, Area]) -> Conclusion:
    """The statement, and of which kinds no allergy is known."""
    statement, kinds = _statement(allergies, areas["allergies"])
    if statement == "contradictory":
        reading.report("contradictory_nka")
    return Conclusion({"allergy_statement": statement}, {"no_known_allergy_kinds": kinds} if kinds else {})


def _statement(allergies: list[Allergy], area: Area) -> tuple[AllergyStatement, list[AllergyKind]]:
    """What the record says about allergies, worked out once for everybody (CS-092), and of which kinds.

    An allergy whose state is unknown counts as active; a statement that none is known counts only where
    nothing about it is in doubt, and where the list is the whole of it: what is withheld, in transit, not
    readable or not filed may be an allergy (CS-044).
    """
    if area["outcome"] not in ("items", "nothing_recorded"):
        return "unavailable", []
    current = [allergy for allergy in allergies if allergy["clinical_status"] != "resolved"]
    said = [allergy for allergy in current if allergy["statement"] == "no_known_allergy"]
    propensities = [allergy for allergy in current if allergy["statement"] == "propensity"]
    if propensities:
        contradicted = any(_contradict(none, allergy) for none in said for allergy in propensities)
        return ("contradictory" if contradicted else "active_allergies"), []
    if area["mapped"] < area["listed"] or any(map(_is_doubtful, said)) or (said and not area["complete"]):
        return "unavailable", []
    if not said:
        return "nothing_recorded", []
    if any("no_known_kinds" not in none for none in said):
        return "no_known_allergies", []
    return "no_known_allergies_of_kind", sorted({kind for none in said for kind in none["no_known_kinds"]})


def _is_doubtful(none: Allergy) -> bool:
    # What only came along is in no list of what was searched for.
    return (
        none["clinical_status"] != "active"
        or "linked_only" in none
        or not _DOUBTS.isdisjoint(none["issue_codes"])
    )


def _contradict(none: Allergy, allergy: Allergy) -> bool:
    """Whether an allergy is one of which none is said to be known.

    The categories of GP Connect tell drugs from everything else, and no more than that.
    """
    kinds = none.get("no_known_kinds")
    category = allergy["category"]
    return (
        kinds is None
        or ("drug" in kinds and category == "medication")
        or ("environmental" in kinds and category == "environment")
    )
