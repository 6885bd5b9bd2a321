"""One bundle being mapped: what was received, what became of it, and what was noticed on the way."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from bridge.fhir.index import BundleIndex, ReceivedEntry
from bridge.fhir.read import Item, JsonObject, best_text, reference_target
from bridge.mapping.asked import Asked, Source
from bridge.mapping.bounds import Growth
from bridge.mapping.identity import Identity
from bridge.mapping.issues import issue_of
from bridge.mapping.links import Links
from bridge.mapping.observation_uses import ObservationUses
from bridge.mapping.parties import Parties
from bridge.record.common import Identified, Issue, PartialDate
from bridge.record.retrieval import Unmapped, UnmappedReason

T = TypeVar("T")
IsOfArea = Callable[["Reading", ReceivedEntry], bool]
"""Whether a resource is of an area, where the same type of resource is of several."""

MALFORMED = "The resource could not be read."
WRONG_PATIENT = "The resource is about another patient."
COPY = "The same resource was sent more than once."


class Reading:
    """The state of one mapping.

    Attributes:
        index, asked, source, identity: what is mapped, why, from where, about whom.
        holder_ods: the practice that answered, when anybody says.
        codes_of: codes of the lists that name a reference.
        problems_of: problems that name a reference.
        mapped: `id()` of the raw resources that stand in the record.
        mapped_refs: their references.
        shown: those of them that have no id of their own, and the item that each stands in.
        context: `id()` of resources that were used for what they say about items.
        aside: `id()` of resources that are listed in `unmapped`.
        issues, unmapped: what was noticed, what was set aside.
        growth: how much the record may grow by what its parts share.
        dates: every date text read so far, so that each is read once.
        known: what else is the same in many resources and is read once (`Item.once`): concepts, dosages.
        uses: what each Observation is used for.
        links: what items name of each other.
    """

    def __init__(self, index: BundleIndex, asked: Asked, source: Source, identity: Identity) -> None:
        self.index = index
        self.asked = asked
        self.source = source
        self.identity = identity
        self.holder_ods = source.holder_ods or identity.holder_ods
        self.codes_of: dict[str, list[str]] = {}
        self.problems_of: dict[str, list[str]] = {}
        self.mapped: set[int] = set()
        self.mapped_refs: set[str] = set()
        self.shown: dict[int, tuple[ReceivedEntry, Identified]] = {}
        self.context: set[int] = set()
        self.aside: set[int] = set()
        self.issues: list[Issue] = []
        self.unmapped: list[Unmapped] = []
        self.dates: dict[str, PartialDate] = {}
        self.known: dict[Any, Any] = {}
        # Nearly all resources name the patient by nothing but one reference, and that is always the same.
        self._own_subjects = [{"reference": ref} for ref in identity.own_refs]
        self._of_area: dict[tuple[str, IsOfArea], list[ReceivedEntry]] = {}
        self.growth = Growth()
        self.parties = Parties(index, self.growth)
        self.uses = ObservationUses(index, self.codes_of, identity)
        self.links = Links(index, self.uses)

    def read(
        self,
        received: ReceivedEntry,
        area: str | None,
        build: Callable[[Item], T],
        *,
        check_subject: bool = True,
    ) -> T | None:
        """Read one resource on its own: whatever is wrong inside it costs nothing else (CS-041).

        Returns:
            what `build` made of it, or None when the resource is another patient's or cannot be read;
            then it is listed as unmapped.
        """
        item = Item(received.resource, received.ref, self.dates, self.known)
        try:
            if (
                check_subject
                and received.resource.get("subject") not in self._own_subjects
                and (subject := self.identity.subject_of(item.resource)) != "own"
            ):
                if subject == "other":
                    self.set_aside(received, "wrong_patient", WRONG_PATIENT, area)
                    return None
                item.note("subject_unresolved", "subject")
            built = build(item)
        except Exception:  # noqa: BLE001 - a record is worth more than the reason why one resource broke
            self.set_aside(received, "malformed", MALFORMED, area)
            return None
        if item.notes or item.aside:
            self.report_all(item)
        return built

    def keep(self, received: ReceivedEntry) -> None:
        """Count a resource as standing in the record."""
        self.mapped.add(id(received.resource))
        self.mapped_refs.add(received.ref)

    def show(self, received: ReceivedEntry, item: Identified) -> None:
        """Count a resource as standing in the record inside of an item, without an id of its own.

        What it says must be in the item. A link to it leads to the item.
        """
        if id(received.resource) not in self.mapped:
            self.keep(received)
            self.shown[id(received.resource)] = (received, item)

    def report(self, code: str, ref: str | None = None, path: str | None = None) -> None:
        """Add an issue, with the fixed text of its code."""
        self.issues.append(issue_of(code, ref, path))

    def report_all(self, item: Item) -> None:
        """Add an issue for everything that was noticed about a resource, each once."""
        if item.notes or item.aside:
            for code, path in dict.fromkeys((*item.notes, *item.aside)):
                self.report(code, item.ref, path)

    def set_aside(
        self,
        received: ReceivedEntry,
        reason: UnmappedReason,
        detail: str,
        area: str | None,
        *,
        display: str | None = None,
    ) -> None:
        """List a resource as received and not mapped; for the first reason given, if there are several.

        Of what is another patient's, that is the reason, whoever sets it aside and before it was ever read:
        another patient's words must not reach this patient's record.

        `display` is what it is to be called; for want of that, the best words that are looked for in it.
        """
        if id(received.resource) in self.aside:
            return
        self.aside.add(id(received.resource))
        if self.identity.subject_of(received.resource) == "other":
            reason, detail = "wrong_patient", WRONG_PATIENT
        entry: Unmapped = {"source_ref": received.ref, "reason": reason, "detail": detail}
        if area is not None:
            entry["area"] = area
        if reason != "wrong_patient":
            display = display or self._named(received.resource)
            if display is not None:
                entry["display"] = display
        self.unmapped.append(entry)

    def _named(self, resource: JsonObject) -> str | None:
        """The best words for a resource; a statement or request has them in the medication it refers to."""
        own = best_text(resource)
        if resource.get("resourceType") == "Observation":
            # A code never goes without the comment that may take it back.
            words = [each for each in (own, resource.get("comment")) if type(each) is str and each.strip()]
            return ": ".join(words) or None
        if own is not None:
            return own
        sent = resource.get("medicationReference")
        written = sent.get("reference") if type(sent) is dict else None
        found = self.index.variants(reference_target(written), "Medication") if type(written) is str else []
        # Of several that are called the same, which is meant cannot be told.
        if len(found) == 1 and (name := best_text(found[0].resource)) is not None:
            return name
        display = sent.get("display") if type(sent) is dict else None
        return display.strip() or None if type(display) is str else None

    def of_area(self, kind: str, is_of_area: IsOfArea | None) -> list[ReceivedEntry]:
        """The resources of a type that are of one area, each judged once; without `is_of_area` all."""
        received = self.index.resources(kind)
        if is_of_area is None:
            return received
        key = kind, is_of_area
        if key not in self._of_area:
            self._of_area[key] = [each for each in received if is_of_area(self, each)]
        return self._of_area[key]

    def distinct(self, kind: str, area: str, is_of_area: IsOfArea | None = None) -> Iterable[ReceivedEntry]:
        """The resources of a type, identical copies once; different ones of the same id are all given.

        Where a type is of several areas, `is_of_area` tells which are of this one: of the others, their own
        area judges.
        """
        received = self.of_area(kind, is_of_area)
        return self._without_copies(received, area) if self.index.has_shared_refs else received

    def _without_copies(self, resources: Iterable[ReceivedEntry], area: str) -> Iterator[ReceivedEntry]:
        given: set[tuple[str, str]] = set()
        for received in resources:
            if self.index.same_ref(received.ref):
                copy = self.index.key_of(received)
                if copy in given:
                    self.set_aside(received, "duplicate_id", COPY, area)
                    continue
                given.add(copy)
            yield received
