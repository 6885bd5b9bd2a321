"""What an issue or a plan left out because its parent says it (digest §3.10, OD-14).

Up to version 1.5 a provider may leave out what is the same as the parent's; from 1.6.2 it repeats it. An
answer does not say which version wrote it, so what was taken over is named in `inherited`. Notes go from
plan to issue only: those of a statement are rolled up from all its issues and belong to none of them.
"""

from bridge.areas.medications.model import Dosage, MedicationCourse, MedicationIssue, MedicationPlan
from bridge.record.common import Provenance


def inherit_issues(plan: MedicationPlan) -> None:
    """Fill the issues of a plan from it."""
    origin, instruction = plan["provenance"], _instruction(plan.get("dosage"))
    for issue in plan["issues"]:
        if "quantity" not in issue and "quantity" in plan:
            issue["quantity"] = plan["quantity"]
            issue["inherited"].append("quantity")
        if "supply_duration" not in issue and "supply_duration" in plan:
            issue["supply_duration"] = plan["supply_duration"]
            issue["inherited"].append("supply_duration")
        if plan["notes"] and not issue["notes"]:
            issue["notes"] = plan["notes"]
            issue["inherited"].append("notes")
        if "author" not in issue["provenance"] and "author" in origin:
            issue["provenance"]["author"] = origin["author"]
            issue["inherited"].append("provenance.author")
        _inherit_shared(issue, origin, instruction)


def inherit_plan(plan: MedicationPlan, course: MedicationCourse) -> None:
    """Fill a plan from its course."""
    dosage = course["dosage"]
    _inherit_shared(plan, course["provenance"], _instruction(dosage[0] if dosage else None))


def _inherit_shared(
    child: MedicationIssue | MedicationPlan, parent: Provenance, instruction: str | None
) -> None:
    if "encounter_ref" in parent and "encounter_ref" not in child["provenance"]:
        child["provenance"]["encounter_ref"] = parent["encounter_ref"]
        child["inherited"].append("provenance.encounter_ref")
    if instruction is not None and "dosage" in child and "patient_instruction" not in child["dosage"]:
        child["dosage"]["patient_instruction"] = instruction
        child["inherited"].append("dosage.patient_instruction")


def _instruction(dosage: Dosage | None) -> str | None:
    return dosage.get("patient_instruction") if dosage is not None else None
