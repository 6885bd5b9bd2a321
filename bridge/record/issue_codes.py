"""The issue codes of a record, with severity and fixed text: never patient data. Closed per minor version."""

from bridge.record.common import Severity

ISSUES: dict[str, tuple[Severity, str]] = {
    "unparsed_date": ("warning", "A date could not be read; its text is kept."),
    "unreadable_element": ("warning", "An element has a form that cannot be read; it was left out."),
    "unstable_id": ("warning", "The item has no business identifier; its id may change between retrievals."),
    "identifier_clash": ("warning", "Several items carry the same business identifier; each was kept apart."),
    "duplicate_id": (
        "warning",
        "Different resources carry the same type and id; which one is meant cannot be told.",
    ),
    "patient_conflict": (
        "error",
        "Several copies of the patient, or its own details, contradict each other.",
    ),
    "placeholder_date": (
        "warning",
        "A date is one that systems write where none is known; nothing is derived from it.",
    ),
    "display_only_reference": ("information", "A reference points at nothing; its words are shown."),
    "dangling_reference": ("information", "A reference points at something that was not sent."),
    "degraded_code": ("warning", "The code is a transfer-degraded one and has no clinical meaning."),
    "local_code_only": ("warning", "No SNOMED CT code was sent, only a local or older one."),
    "invalid_snomed_code": (
        "warning",
        "A number sent as a SNOMED CT code cannot be a concept; it is kept and not used.",
    ),
    "text_only": ("warning", "No code was sent, only text."),
    "no_term": ("warning", "No words were sent for a coded item."),
    "plan_missing": ("warning", "The plan of a medication was not sent."),
    "plan_ambiguous": ("warning", "A medication names several plans; the first that was sent is used."),
    "statement_missing": ("warning", "A plan has no medication statement; it stands as a course of its own."),
    "order_without_plan": ("warning", "The plan of an issue was not sent; it stands as a course of its own."),
    "status_conflict": ("warning", "Two parts of an item give different states."),
    "date_status_conflict": ("warning", "The state of a medication and its dates do not agree."),
    "medication_conflict": ("warning", "Parts of a medication name different drugs or devices."),
    "dosage_conflict": ("warning", "Parts of a medication give different dosages."),
    "completed_but_running": (
        "warning",
        "The medication is marked completed, and its end is not past: it may still be taken.",
    ),
    "last_issue_uncertain": (
        "warning",
        "Which issue is the newest cannot be told: the date of one is missing or cannot be read.",
    ),
    "dosage_withheld": ("warning", "The words of a dosage were withheld or are said to be absent."),
    "search_date_ignored": (
        "warning",
        "The practice did not apply the search date.",
    ),
    "dosage_changed": ("warning", "The dosage changed while the medication ran; see its text."),
    "quantity_missing": ("information", "No quantity was sent."),
    "unknown_status": ("warning", "The state is not one that GP Connect uses."),
    "participant_declined": ("warning", "Somebody, or a place, declined to take part and is not shown."),
    "unknown_prescription_type": ("information", "The type of prescription is not known."),
    "unknown_agency": ("information", "Who prescribed is not known."),
    "unknown_category": ("warning", "The category of an allergy is not one that GP Connect uses."),
    "extra_reaction": (
        "information",
        "An allergy has more than the one reaction expected.",
    ),
    "extra_attachment": (
        "information",
        "A document has more than the one attachment expected.",
    ),
    "contradictory_nka": ("warning", "No known allergies is stated beside an allergy."),
    "no_known_conflict": (
        "warning",
        "A code or words say that no allergy is known, others of the item do not: it counts as an allergy.",
    ),
    "list_entry_missing": ("warning", "A list names an item that was not sent."),
    "not_in_list": ("warning", "An item was sent that the main list of its area does not name."),
    "list_entry_deleted": (
        "warning",
        "A list marks an item as deleted; it is shown all the same, as it says itself.",
    ),
    "list_unusable": (
        "warning",
        "A list is entered in error, no longer current or of changes only: it does not say what there is.",
    ),
    "empty_list_unexplained": (
        "warning",
        "A list is empty for a reason that GP Connect does not use, or for none: it is not known why.",
    ),
    "list_absent": ("warning", "The list of an area that was asked for was not sent."),
    "content_not_sent": (
        "information",
        "The lists that tell the content of a consultation were not sent: there is more in it than is shown.",
    ),
    "unknown_role": ("information", "The role of somebody who took part is not known."),
    "given_unknown": ("warning", "Whether an immunisation was given was not sent."),
    "subject_unresolved": ("information", "The patient that an item refers to was not sent."),
    "list_subject_conflict": ("warning", "A list is about another patient than its items."),
    "modifier_extension": (
        "error",
        "An extension that may change the meaning of what it stands on is not understood.",
    ),
    "implicit_rules": (
        "error",
        "An item, a list, the patient or the answer was written by rules that are not understood.",
    ),
    "byte_order_mark": ("information", "The answer began with a byte order mark; it was left out."),
    "replaced_characters": (
        "warning",
        "A text holds half a character, which no text may; it is shown as U+FFFD.",
    ),
    "element_not_in_profile": (
        "warning",
        "An element that GP Connect does not use was sent and may carry meaning; it is not shown.",
    ),
    "unknown_extension": ("information", "An extension is not understood and is not shown."),
    "count_mismatch": ("error", "Not every resource received could be accounted for."),
}
