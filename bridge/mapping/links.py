"""What items name of each other: a link is made while an item is read, and leads to an item once all are.

An item may name one that is read later, or one of another area; so `item_id` and `in_record` are filled in
when every area is mapped, in one pass over the links made.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Final, NamedTuple

from bridge.fhir.index import LONGEST_ID, BundleIndex, ReceivedEntry
from bridge.fhir.read import Item, JsonObject, reference_target
from bridge.mapping.observation_uses import ObservationUses
from bridge.record.common import Link, LinkKind
from bridge.values import dataclass

_KINDS: Final[Mapping[str, LinkKind]] = MappingProxyType(
    {
        "Condition": "problem",
        "Encounter": "consultation",
        "List": "consultation",
        "MedicationStatement": "medication",
        "MedicationRequest": "medication",
        "AllergyIntolerance": "allergy",
        "Immunization": "immunisation",
        "Observation": "observation",
        "QuestionnaireResponse": "observation",
        "DiagnosticReport": "investigation",
        "Specimen": "investigation",
        "ProcedureRequest": "investigation",
        "ReferralRequest": "referral",
        "DocumentReference": "document",
    }
)
_KINDS_OF_USES: Final[Mapping[str, LinkKind]] = MappingProxyType(
    {"result": "investigation", "filing_comment": "investigation", "narrative": "consultation"}
)


class _Target(NamedTuple):
    """What a reference leads to.

    Attributes:
        ref: of what it names.
        kind: of the item that it leads to.
        refs: of what makes that item: the consultation, of a list of it.
        is_contested: several resources of different content carry that id.
    """

    ref: str
    kind: LinkKind
    refs: tuple[str, ...]
    is_contested: bool


@dataclass(slots=True)
class Links:
    """The links of one record.

    Attributes:
        area: the area that is being read, to which the links now made belong.
        copies: what a resource that was set aside as a copy is a copy of, by reference.
        in_lists: what stands in lists alone, as ended allergies do, by the `Type/id` that others use.
    """

    index: BundleIndex
    uses: ObservationUses
    area: str = ""
    copies: dict[str, str] = field(default_factory=dict)
    in_lists: dict[str, list[ReceivedEntry]] = field(default_factory=dict)
    _made: list[tuple[Link, str, _Target]] = field(default_factory=list)
    _known: dict[str, _Target | None] = field(default_factory=dict)
    _refs_of_ids: dict[str, list[str]] | None = None
    _container: JsonObject | None = None
    _inside: dict[str, JsonObject] = field(default_factory=dict)
    """What `_container`, the resource whose contained ones were looked at last, contains, by local id."""

    def many(self, item: Item, sent: object, path: str) -> list[Link]:
        """The link of each of some References; one alone is a list of one."""
        found = (self.one(item, each, path) for each in item.many(sent, path))
        return [link for link in found if link is not None]

    def one(self, item: Item, sent: object, path: str) -> Link | None:
        """The link that a Reference is; None when it holds neither a reference nor words.

        Args:
            item: the resource that is being read.
            sent: the Reference as it was sent.
            path: to name where it cannot be read.
        """
        reference = sent if type(sent) is dict else item.one(sent, path)
        written: str | None = reference.get("reference")
        written = written.strip() or None if type(written) is str else item.code(written, path)
        display = item.text(reference["display"], path) if "display" in reference else None
        if written is None and display is None:
            return None
        link: Link = {"kind": "unknown", "in_record": False}
        if written is not None:
            found = self._found(item, written)
            if found is None:
                link["kind"] = _kind_of_words(written)
                # Words stand at times where the reference belongs; nobody's text decides how long it is.
                link["reference"] = written[:LONGEST_ID]
            else:
                link["source_ref"] = found.ref
                link["kind"] = found.kind
                if found.is_contested:
                    item.note("duplicate_id", path)
                self._made.append((link, self.area, found))
        if display is not None:
            link["display"] = display
        return link

    @property
    def any_made(self) -> bool:
        """Whether an item names anything that was sent."""
        return bool(self._made)

    def fill_in(self, ids: Mapping[str, Iterable[str]]) -> None:
        """Say of every link which item it leads to.

        Args:
            ids: `item_id` of all items and parts of items that came of a resource, by its reference.
        """
        met: dict[int, set[str]] = {}
        for link, _, target in self._made:
            found = met.get(id(target))
            if found is None:
                found = {each for ref in target.refs for each in self._ids_of(ids, ref)}
                met[id(target)] = found
            link["in_record"] = bool(found)
            if len(found) == 1 and not target.is_contested:
                [link["item_id"]] = found

    def reached_from(self, areas: Iterable[str]) -> set[str]:
        """The references of everything that links of these areas lead to."""
        wanted = set(areas)
        return {
            self.copies.get(ref, ref)
            for _, area, target in self._made
            if area in wanted
            for ref in target.refs
        }

    def _ids_of(self, ids: Mapping[str, Iterable[str]], ref: str) -> Iterable[str]:
        return ids.get(ref) or ids.get(self.copies.get(ref, ""), ())

    def _found(self, item: Item, written: str) -> _Target | None:
        if written.startswith("#"):
            return self._contained(item, written)
        if written not in self._known:
            self._known[written] = self._target(self._resolved(written))
        return self._known[written]

    def _contained(self, item: Item, written: str) -> _Target | None:
        # A resource may contain as much as it likes, and name all of it: it is gone through once.
        if self._container is not item.resource:
            self._container = item.resource
            self._inside = {}
            for resource in item.many(item.resource.get("contained"), "contained"):
                local_id = item.code(resource.get("id"), "contained.id")
                if local_id is not None:
                    self._inside.setdefault(local_id.removeprefix("#"), resource)
        found = self._inside.get(written[1:])
        if found is None:
            return None
        kind = item.code(found.get("resourceType"), "contained.resourceType") or ""
        return self._target([ReceivedEntry(kind, f"{item.ref}{written}", found)])

    def _target(self, found: list[ReceivedEntry]) -> _Target | None:
        """What several resources of one id, or the only one, are for a link."""
        if not found:
            return None
        first = found[0]
        refs: tuple[str, ...] = (first.ref,)
        if first.kind == "List":
            # A part of a consultation leads to the consultation that it belongs to (digest §5.2).
            of = [self._resolved(_reference(each.resource.get("encounter")), "Encounter") for each in found]
            # All that carry one id are called the same.
            refs = tuple(dict.fromkeys(each[0].ref for each in of if each))
        return _Target(first.ref, self._kind(first), refs, is_contested=len(found) > 1)

    def _resolved(self, written: str | None, kind: str | None = None) -> list[ReceivedEntry]:
        """A bare id points at the one resource of that id, whatever its type."""
        target = reference_target(written) if written is not None else None
        found = self.index.variants(target, kind)
        if found or target is None:
            return found
        if "/" in target:
            return self.in_lists.get(target, []) if kind is None else []
        if self._refs_of_ids is None:
            self._refs_of_ids = {}
            for ref in dict.fromkeys(each.ref for each in self.index.received):
                self._refs_of_ids.setdefault(ref.partition("/")[2], []).append(ref)
        refs = self._refs_of_ids.get(target, [])
        return self.index.variants(refs[0]) if len(refs) == 1 else []

    def _kind(self, found: ReceivedEntry) -> LinkKind:
        if found.kind == "Observation":
            return _KINDS_OF_USES.get(self.uses.of(found.ref, found.resource), "observation")
        if found.kind == "ProcedureRequest" and found.resource.get("intent") == "plan":
            return "diary_entry"
        return _KINDS.get(found.kind, "other")


def _reference(sent: object) -> str | None:
    written = sent.get("reference") if type(sent) is dict else None
    return written if type(written) is str else None


def _kind_of_words(written: str) -> LinkKind:
    """What a reference to nothing that was sent would be, by the type that it names."""
    kind = (reference_target(written) or "").partition("/")[0]
    # A ProcedureRequest is a diary entry or the request behind an investigation: its content would tell.
    return "unknown" if kind == "ProcedureRequest" else _KINDS.get(kind, "unknown")
