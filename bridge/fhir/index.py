"""An index of a bundle: what was received, and what a reference points at.

The order of entries is never looked at (CS-033), `fullUrl` only where a specification says so (CS-034):
everything here is the same for a shuffled bundle.
"""

from dataclasses import field
from hashlib import sha256
from typing import Any, Final

import orjson

from bridge.fhir.read import JsonObject, list_code, reference_target
from bridge.record.nesting import is_nested_deeper
from bridge.values import dataclass

_VOLATILE = frozenset({"versionId", "lastUpdated"})
_MAX_DEPTH: Final = 200
"""Levels that count of a resource too deep for orjson, which writes 254. Real ones have under twenty."""
_LONGEST_KIND: Final = 64
_LONGEST_URL: Final = 2000
LONGEST_ID: Final = 255
"""FHIR has 64. Ids are repeated with everything that concerns a resource, so one cannot be of any length."""


@dataclass(slots=True, eq=False)
class ReceivedEntry:
    """One resource of the bundle.

    Attributes:
        kind: its resourceType.
        ref: `Type/id`; without an id `List[code]` for a list, else `Type[start of its hash]`.
        resource: the raw JSON object.
    """

    kind: str
    ref: str
    resource: JsonObject


@dataclass(slots=True)
class BundleIndex:
    """What a bundle holds.

    Attributes:
        received: every entry that holds a resource.
        malformed: every entry that does not, as it was sent.
        by_kind: `received` by resourceType.
    """

    received: list[ReceivedEntry] = field(default_factory=list)
    malformed: list[object] = field(default_factory=list)
    by_kind: dict[str, list[ReceivedEntry]] = field(default_factory=dict)
    _by_ref: dict[str, ReceivedEntry] = field(default_factory=dict)
    _clashes: dict[str, list[ReceivedEntry]] = field(default_factory=dict)
    _distinct: dict[str, list[ReceivedEntry]] = field(default_factory=dict)

    def resources(self, kind: str) -> list[ReceivedEntry]:
        """The resources of one type."""
        return self.by_kind.get(kind, [])

    @property
    def has_shared_refs(self) -> bool:
        """Whether several resources carry one `Type/id`."""
        return bool(self._clashes)

    def same_ref(self, ref: str) -> list[ReceivedEntry]:
        """Every resource that carries this `Type/id`, where there are several; else none."""
        return self._clashes.get(ref, [])

    def key_of(self, received: ReceivedEntry) -> tuple[str, str]:
        """What tells a resource from others, and gives them an order that is not that of the answer.

        It is the name; where several have that, the content too.
        """
        is_shared = received.ref in self._clashes
        return received.ref, comparable_hash(received.resource) if is_shared else ""

    def resolve(self, target: str | None, kind: str | None = None) -> ReceivedEntry | None:
        """The resource a reference points at; a bare id counts as one of `kind`.

        Of several with the same `Type/id` the choice does not depend on their order; whoever states as a fact
        what only one of them says looks at `variants`.
        """
        if target is None:
            return None
        if kind is not None and "/" not in target:
            target = f"{kind}/{target}"
        if target in self._clashes:
            return self._variants(target)[0]
        return self._by_ref.get(target)

    def variants(self, target: str | None, kind: str | None = None) -> list[ReceivedEntry]:
        """Every resource a reference may point at: several only where their content differs."""
        found = self.resolve(target, kind)
        if found is None:
            return []
        return self._variants(found.ref) if found.ref in self._clashes else [found]

    def contested(self) -> dict[str, list[ReceivedEntry]]:
        """What several resources of different content claim to be, by `Type/id`."""
        found = {ref: self._variants(ref) for ref in self._clashes}
        return {ref: variants for ref, variants in found.items() if len(variants) > 1}

    def _variants(self, ref: str) -> list[ReceivedEntry]:
        if ref not in self._distinct:
            by_hash = {comparable_hash(each.resource): each for each in self._clashes[ref]}
            self._distinct[ref] = [by_hash[key] for key in sorted(by_hash)]
        return self._distinct[ref]


def index_bundle(bundle: JsonObject, *, by_full_url: bool = False) -> BundleIndex:
    """Index every entry of `bundle`, whatever is in it.

    Args:
        bundle: a Bundle.
        by_full_url: whether a reference may be the `fullUrl` of an entry, as it may in Access Document alone
            (SP-097); a `Type/id` goes before it.
    """
    received: list[ReceivedEntry] = []
    malformed: list[object] = []
    by_kind: dict[str, list[ReceivedEntry]] = {}
    by_ref: dict[str, ReceivedEntry] = {}
    clashes: dict[str, list[ReceivedEntry]] = {}
    full_urls: dict[str, ReceivedEntry] = {}
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        try:
            resource = entry["resource"]
            kind, logical_id = resource["resourceType"], resource.get("id")
            of_kind = by_kind.get(kind)
        except (TypeError, KeyError):  # something else where an object belongs, or no resource
            malformed.append(entry)
            continue
        if of_kind is None:
            if type(kind) is not str or not 0 < len(kind) <= _LONGEST_KIND:
                malformed.append(entry)
                continue
            of_kind = by_kind[kind] = []
        if type(logical_id) is str and 0 < len(stripped := logical_id.strip()) <= LONGEST_ID:
            ref = f"{kind}/{stripped}"
        else:
            ref = _ref_without_id(kind, resource)
        found = ReceivedEntry(kind, ref, resource)
        received.append(found)
        of_kind.append(found)
        if (first := by_ref.setdefault(ref, found)) is not found:
            clashes.setdefault(ref, [first]).append(found)
        if by_full_url and (target := _full_url(entry)) is not None:
            full_urls.setdefault(target, found)
    by_ref = full_urls | by_ref
    return BundleIndex(received, malformed, by_kind, by_ref, clashes)


def _full_url(entry: JsonObject) -> str | None:
    written = entry.get("fullUrl")
    return reference_target(written) if type(written) is str and len(written) <= _LONGEST_URL else None


def _ref_without_id(kind: str, resource: JsonObject) -> str:
    if kind == "List" and len(code := list_code(resource.get("code")) or "no code") <= LONGEST_ID:
        # Lists have no id by the specification: the code is what names one.
        return f"List[{code}]"
    return f"{kind}[{comparable_hash(resource)[7:15]}]"


def content_hash(resource: JsonObject) -> str:
    """`sha256:` over the resource as sent, without what changes in `meta` when the content does not.

    Raises:
        TypeError: the resource is nested so deeply that it cannot be written.
    """
    meta: Any = resource.get("meta")
    if type(meta) is dict and not _VOLATILE.isdisjoint(meta):
        stable = {key: value for key, value in meta.items() if key not in _VOLATILE}
        resource = {**resource, "meta": stable}
    return "sha256:" + sha256(orjson.dumps(resource)).hexdigest()


def comparable_hash(resource: JsonObject) -> str:
    """The content hash of any resource: what is nested too deeply to be written does not count."""
    try:
        return content_hash(resource)
    except orjson.JSONEncodeError:
        return content_hash(
            {key: value for key, value in resource.items() if not is_nested_deeper(value, _MAX_DEPTH)}
        )
