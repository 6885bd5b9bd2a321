"""Facts of consultations and of the words written in them."""

from collections.abc import Iterator, Mapping
from typing import Any


def consultations(record: Any) -> dict[str, dict[str, Any]]:
    return {each["provenance"]["source_ref"]: _facts(each) for each in record["consultations"]}


def narratives(record: Any) -> dict[str, dict[str, Any]]:
    return {
        words["source_ref"]: {"comment": words["text"], "in_consultation": True}
        for each in record["consultations"]
        for section in _sections(each)
        for words in section["narrative"]
    }


def _facts(each: Any) -> dict[str, Any]:
    links = [link for section in _sections(each) for link in section["items"]]
    return {
        "type": each["encounter_type"],
        "start": each.get("started"),
        "end": each.get("ended"),
        "participants": each["participants"],
        "topics": each["topics"],
        "headings": [heading for topic in each["topics"] for heading in topic["headings"]],
        "titles": [topic.get("title") for topic in each["topics"]],
        "items": sorted({link["source_ref"] for link in links if "source_ref" in link}),
    }


def _sections(consultation: Any) -> Iterator[Any]:
    for topic in consultation["topics"]:
        yield topic
        yield from topic["headings"]


FACTS: Mapping[str, Any] = {"consultations": consultations, "narratives": narratives}

_BY_CONTEXT = (
    "They count words as part of a consultation only if a list of it names them. These name the consultation "
    "themselves, so they stand in it, in a topic without a title at its end."
)
_TWO_LISTS = (
    "Two different lists have one id; the topic of each consultation is the one that names that consultation. "
    "They took the same for both."
)
_OF_A_REPORT = (
    "A note on an investigation whose report was not sent, or does not name it. It is of no consultation, and "
    "so it is listed as unmapped, with its words."
)
EXPLAINED: Mapping[tuple[str, str, str], str] = {
    **{
        (name, "*", fact): _BY_CONTEXT
        for name, facts in {
            "demonstrator-problems.json": ("topics", "in_consultation"),
            "pfs-problems-examples.json": ("topics", "in_consultation"),
            "emis-tc4-yamura.json": ("topics", "titles", "items", "in_consultation"),
            "psa-expected-bundle.json": ("topics", "titles", "in_consultation"),
        }.items()
        for fact in facts
    },
    ("psa-expected-bundle.json", "Encounter/2485BC20-90B4-11EC-B1E5-0800200C9A66", "items"): _TWO_LISTS,
    ("fragment-diagnosticreport-fhir-bundle.json", "*", "item"): _OF_A_REPORT,
    ("fragment-diagnosticreport-fhir-bundle-with-filing-comments.json", "*", "item"): _OF_A_REPORT,
}
