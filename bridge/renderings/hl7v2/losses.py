"""What the events say and the messages do not."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from bridge.renderings.rendering import Lost

OF_A_SNAPSHOT: Final = "allergies.items.item_id"
"""What updates tell, and a snapshot does not."""
_LOST: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "Codes as they were sent: a message has the SNOMED CT concept where it has a meaning, and words.": (
            "**.codings",
            "**.term_from",
            "**.description_id",
            "**.original_text",
            "**.degrade_code",
        ),
        "Medicines are words and never codes, so that nobody takes them for orders.": (
            "medications.items.medication.concept_id",
            "medications.items.plan.medication.concept_id",
            "medications.items.plan.medication.coding_quality",
            "medications.items.plan.issues.medication.concept_id",
            "medications.items.plan.issues.medication.coding_quality",
            "medications.items.issue_without_plan.medication.concept_id",
            "medications.items.issue_without_plan.medication.coding_quality",
        ),
        "It stands in words only: no field of the message has a place for its code.": (
            "allergies.items.reactions.manifestations.concept_id",
            "allergies.items.reactions.exposure_route.concept_id",
            "allergies.items.reactions.exposure_route.coding_quality",
            "allergies.items.ended.reason.concept_id",
            "allergies.items.ended.reason.coding_quality",
            "medications.items.plan.stopped.reason.concept_id",
            "medications.items.plan.stopped.reason.coding_quality",
            "immunisations.items.reasons.concept_id",
            "immunisations.items.reasons.coding_quality",
            "immunisations.items.not_given_reasons.concept_id",
            "immunisations.items.not_given_reasons.coding_quality",
            "immunisations.items.performers.role_as_sent.concept_id",
            "immunisations.items.performers.role_as_sent.coding_quality",
            "immunisations.items.protocols.dose_status.concept_id",
            "immunisations.items.protocols.dose_status.coding_quality",
            "immunisations.items.vaccine_absent_reason.concept_id",
            "immunisations.items.vaccine_absent_reason.coding_quality",
            "**.target_diseases.concept_id",
            "**.target_diseases.coding_quality",
            "immunisations.items.report_origin.concept_id",
            "immunisations.items.report_origin.coding_quality",
            "**.linked_problems.code.concept_id",
            "**.linked_problems.code.coding_quality",
        ),
        "Units stand in words.": ("**.unit_system",),
        "Whether there are words of a dosage is seen from them.": ("**.dosage.recorded",),
        "For software that keeps the record: it reads the events.": (
            "**.schema_version",
            "**.patient_key",
            "**.source_hash",
            "**.content_hash",
            "**.business_ids",
            "**.list_codes",
            "**.encounter_ref",
            "**.unmapped.source_ref",
            "**.unmapped.area",
            "medications.items.item_id",
            "medications.items.plan.item_id",
            "medications.items.plan.issues.item_id",
            "medications.items.issue_without_plan.item_id",
            "immunisations.items.item_id",
        ),
        "Only where a site agreed on updates (ADT^A60) is it told, as IAM-7.": (OF_A_SNAPSHOT,),
        "The source of the message is the practice, which is named once.": ("**.provenance.holder_ods",),
        "People and organisations are told by their names.": (
            "**.recorder.ref",
            "**.author.ref",
            "**.party.ref",
            "**.location.ref",
            "**.manufacturer.ref",
            "**.professional_ids",
        ),
        "Of a plan it is told what it says; who wrote it is told of the medication.": (
            "medications.items.plan.provenance.source_ref",
            "medications.items.plan.provenance.recorder",
            "medications.items.plan.provenance.author",
            "medications.items.plan.provenance.recorded_at",
        ),
        "Of an issue it is told when, how much and how to take it.": tuple(
            f"medications.items.{issue}.{field}"
            for issue in ("plan.issues", "issue_without_plan")
            for field in (
                "provenance.source_ref",
                "provenance.recorder",
                "provenance.author",
                "provenance.recorded_at",
                "provenance.problem_refs",
                "inherited",
                "authored_at",
                "eps_prescription_id",
                "eps_item_id",
                "dispenser",
            )
        ),
        "PID-3 has the current number alone: that two numbers are one person is for the PAS to tell.": (
            "**.superseded_nhs_number",
        ),
        "The verdict decides whether there is a message; where it is not `accept` there is none.": (
            "**.demographics.nhs_number",
            "**.demographics.birth_date",
            "**.demographics.family_name",
            "**.demographics.given_name",
            "**.demographics.gender",
            "**.demographics.practice_ods",
            "**.demographics.differences",
        ),
        "Whether an area is complete is told, and why not; not the count.": tuple(
            f"**.{area}.{field}"
            for area in ("area", "ended_area")
            for field in ("listed", "mapped", "received", "linked", "warnings.code")
        ),
        "Warnings about the answer as a whole are for whoever integrates; those of an item stand with it.": (
            "**.issues.code",
            "**.issues.severity",
            "**.issues.message",
            "**.issues.source_ref",
            "**.issues.path",
        ),
    }
)

LOSSES: Final[Sequence[Lost]] = tuple(Lost(path, why) for why, paths in _LOST.items() for path in paths)
"""Nothing else of the events of these three areas is missing; a test holds the list to that."""
