"""What an issue or a plan left out because its parent says it (digest §3.10, OD-14).

Up to version 1.5 a provider may leave out what is the same as the parent's; from 1.6.2 it repeats it. An
answer does not say which version wrote it, so what was taken over is named in `inherited`. Notes go from
plan to issue only: those of a statement are rolled up from all its issues and belong to none of them.
"""

from bridge.areas.medications.model import MedicationCourse, MedicationIssue, MedicationPlan


def inherit_issue(issue: MedicationIssue, plan: MedicationPlan) -> None:
    """Fill an issue from its plan."""
    if "quantity" not in issue and "quantity" in plan:
        issue["quantity"] = plan["quantity"]
        issue["inherited"].append("quantity")
    if "supply_duration" not in issue and "supply_duration" in plan:
        issue["supply_duration"] = plan["supply_duration"]
        issue["inherited"].append("supply_duration")
    if not issue["notes"] and plan["notes"]:
        issue["notes"] = plan["notes"]
        issue["inherited"].append("notes")
    if "author" not in issue["provenance"] and "author" in plan["provenance"]:
        issue["provenance"]["author"] = plan["provenance"]["author"]
        issue["inherited"].append("provenance.author")
    _inherit_shared(issue, plan)


def inherit_plan(plan: MedicationPlan, course: MedicationCourse) -> None:
    """Fill a plan from its course."""
    _inherit_shared(plan, course)


def _inherit_shared(
    child: MedicationIssue | MedicationPlan, parent: MedicationPlan | MedicationCourse
) -> None:
    if "encounter_ref" not in child["provenance"] and "encounter_ref" in parent["provenance"]:
        child["provenance"]["encounter_ref"] = parent["provenance"]["encounter_ref"]
        child["inherited"].append("provenance.encounter_ref")
    instruction = _instruction(parent)
    if instruction is not None and "dosage" in child and "patient_instruction" not in child["dosage"]:
        child["dosage"]["patient_instruction"] = instruction
        child["inherited"].append("dosage.patient_instruction")


def _instruction(parent: MedicationPlan | MedicationCourse) -> str | None:
    dosage = parent.get("dosage")
    first = dosage[0] if isinstance(dosage, list) and dosage else dosage
    return first.get("patient_instruction") if isinstance(first, dict) else None
