"""What each Observation is used for: by how it is referred to first, then by its code (digest §5.4).

One profile serves five uses, and which one is meant stands in other resources: in the report that names it,
in the lists that do. So this is worked out once for an answer, for whichever area asks.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from bridge.fhir.index import BundleIndex
from bridge.fhir.read import JsonObject, has_snomed_code, target_of
from bridge.mapping.identity import Identity

ObservationUse = Literal["result", "filing_comment", "narrative", "immunisation_status", "coded"]
"""`result`: a test group or a result of an investigation. `coded`: all that is of no other use."""

COMMENT_NOTE: Final = "37331000000100"
_IMMUNISATIONS: Final = "1102181000000102"
_INSIDE_REPORT: Final = frozenset({"has-member", "derived-from", None})
"""`related.type` that leads from a group to its results, and back; one system leaves it out."""


class ObservationUses:
    """The uses of the Observations of one answer."""

    def __init__(self, index: BundleIndex, codes_of: Mapping[str, Sequence[str]], identity: Identity) -> None:
        """Nothing is looked at before the first question.

        Args:
            index: of the answer.
            codes_of: the codes of the lists that name a reference; filled in when the lists are read.
            identity: tells whose a report is.
        """
        self._index = index
        self._codes_of = codes_of
        self._identity = identity
        self._reported: set[str] | None = None
        self._named_by_others: set[str] = set()
        self._known: dict[int, ObservationUse] = {}

    def of(self, ref: str, observation: JsonObject) -> ObservationUse:
        """The use of an Observation of the answer, by its `Type/id` and itself."""
        found = self._known.get(id(observation))
        if found is None:
            found = self._known[id(observation)] = self._use(ref, observation)
        return found

    def is_of_others(self, ref: str) -> bool:
        """Whether another patient's report names it, which is not in the record."""
        if self._reported is None:
            self._reported = self._in_reports()
        return ref in self._named_by_others

    def _use(self, ref: str, observation: JsonObject) -> ObservationUse:
        if self._reported is None:
            self._reported = self._in_reports()
        is_comment = has_snomed_code(observation.get("code"), COMMENT_NOTE)
        if ref in self._reported:
            return "filing_comment" if is_comment else "result"
        if is_comment:
            return "narrative"
        if _IMMUNISATIONS in self._codes_of.get(ref, ()):
            return "immunisation_status"
        return "coded"

    def _in_reports(self) -> set[str]:
        """Whatever a report names as its result, and what is related to that, from either side.

        Another patient's report is not in the record: what it names would be lost with it (CS-051).
        """
        beside: dict[str, set[str]] = {}
        # Of several that carry one id each counts, whichever comes last.
        for each in self._index.resources("Observation"):
            if "related" not in each.resource:
                continue
            for target in self._related(each.resource):
                beside.setdefault(each.ref, set()).add(target)
                beside.setdefault(target, set()).add(each.ref)
        found: set[str] = set()
        left: list[str] = []
        for report in self._index.resources("DiagnosticReport"):
            named = self._targets(report.resource.get("result"))
            if self._identity.subject_of(report.resource) == "other":
                self._named_by_others.update(named)
            else:
                left += named
        while left:
            ref = left.pop()
            if ref not in found:
                found.add(ref)
                left += beside.get(ref, ())
        return found

    def _related(self, observation: JsonObject) -> Iterator[str]:
        sent = observation.get("related")
        for each in sent if type(sent) is list else [sent]:
            if type(each) is dict:
                kind = each.get("type")
                if (kind.strip() if type(kind) is str else None) in _INSIDE_REPORT:
                    yield from self._targets(each.get("target"))

    def _targets(self, sent: object) -> Iterator[str]:
        for each in sent if type(sent) is list else [sent]:
            if (target := target_of(each)) is not None:
                found = self._index.resolve(target, "Observation")
                if found is not None and found.kind == "Observation":
                    yield found.ref
