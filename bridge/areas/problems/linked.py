"""Problem headers, read for what they name: the reason for a medication stands nowhere else (CS-045)."""

import orjson

from bridge.areas.problems.header import clinical_status, significance
from bridge.fhir.index import ReceivedEntry
from bridge.fhir.read import Item, extension_value
from bridge.mapping.coded import DEGRADED_RECORD_ENTRY, coded_text
from bridge.mapping.reading import Reading
from bridge.record.retrieval import LinkedProblem

_LINKS = ("actualproblem", "relatedclinicalcontent")


class Problems:
    """The problem headers of a bundle and what each names; fills `reading.problems_of`."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._named: list[tuple[ReceivedEntry, set[str]]] = []
        problems_of: dict[str, set[str]] = {}
        for received in reading.index.resources("Condition"):
            targets = reading.read(received, "problems", _targets)
            if not targets:
                continue
            self._named.append((received, targets))
            for target in targets:
                problems_of.setdefault(target, set()).add(received.ref)
        reading.problems_of = {target: sorted(refs) for target, refs in problems_of.items()}

    def linked(self) -> list[LinkedProblem]:
        """The headers that name an item of the record."""
        found: list[LinkedProblem] = []
        for received, targets in self._named:
            if targets.isdisjoint(self._reading.mapped_refs):
                continue
            problem = self._reading.read(received, "problems", _header, check_subject=False)
            if problem is not None:
                self._reading.context.add(id(received.resource))
                found.append(problem)
        return sorted(found, key=lambda problem: (problem["source_ref"], orjson.dumps(problem)))


def _targets(item: Item) -> set[str]:
    extensions = item.extensions(item.resource)
    links = [extension_value(each) for name in _LINKS for each in extensions.get(name, ())]
    targets = (item.reference(link, "extension") for link in links if isinstance(link, dict))
    return {target for target in targets if target is not None}


def _header(item: Item) -> LinkedProblem:
    problem: LinkedProblem = {
        "source_ref": item.ref,
        "code": coded_text(item, item.resource.get("code"), "code", degrade_to=DEGRADED_RECORD_ENTRY),
        "clinical_status": clinical_status(item).value,
    }
    significant = significance(item).value
    if significant != "unknown":
        problem["significance"] = significant
    return problem
