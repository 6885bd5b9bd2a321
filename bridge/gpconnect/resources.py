"""Resources as a practice has them: raw, with the ids and the version that a change needs."""

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Final, Self

from bridge.errors import ResponseInvalid
from bridge.fhir import systems
from bridge.fhir.read import JsonObject, extension_name, extension_value, is_current, reference_target
from bridge.gpconnect.ids import ResourceId, ResourceKind
from bridge.spine.clock import timestamp
from bridge.spine.http import Answer
from bridge.values import dataclass

# It becomes a header, `If-Match: W/"…"`.
_VERSION: Final = re.compile(r"[\x21\x23-\x7e]{1,64}")
_ETAG: Final = re.compile(r'(?:W/)?"([\x21\x23-\x7e]{1,64})"')


@dataclass(frozen=True, slots=True)
class StoredResource:
    """A resource that a practice gave.

    Attributes:
        id: valid at that practice only.
        version: `meta.versionId`, else that of the ETag; None when neither was sent.
        resource: the raw JSON object: the source of truth, never rebuilt from a model.
        retrieved_at: RFC 3339, UTC.
        issues: issue codes of what was mended to read the answer (`bridge.fhir.parsing`).
    """

    id: ResourceId
    version: str | None
    resource: JsonObject = field(repr=False)
    retrieved_at: str
    issues: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        practice_ods: str,
        kind: ResourceKind,
        resource: JsonObject,
        *,
        version: str | None = None,
        issues: tuple[str, ...] = (),
    ) -> Self:
        """Take a resource of an answer that has just come.

        Args:
            practice_ods: who answered.
            kind: what it must be.
            resource: as it came.
            version: of the ETag, where the resource states none.
            issues: codes of what was mended to read the answer.

        Raises:
            ResponseInvalid: it is of another type, or has no usable id.
        """
        sent = resource.get("id")
        if resource.get("resourceType") != kind or not isinstance(sent, str):
            raise ResponseInvalid(stage="provider", detail=f"not_a_{kind.casefold()}")
        try:
            known = ResourceId(practice_ods, kind, sent)
        except ValueError:
            raise ResponseInvalid(stage="provider", detail="logical_id_malformed") from None
        stated = _text(_object(resource.get("meta")).get("versionId"))
        usable = stated is not None and _VERSION.fullmatch(stated)
        return cls(known, stated if usable else version, resource, timestamp(), issues)

    def as_json(self) -> JsonObject:
        """All of it, for the ledger, which keeps it sealed."""
        return {
            "practice_ods": self.id.practice_ods,
            "version": self.version,
            "resource": self.resource,
            "retrieved_at": self.retrieved_at,
            **({"issues": list(self.issues)} if self.issues else {}),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """What `as_json` kept."""
        resource = kept["resource"]
        known = ResourceId(kept["practice_ods"], resource["resourceType"], resource["id"])
        return cls(known, kept["version"], resource, kept["retrieved_at"], tuple(kept.get("issues", ())))


@dataclass(frozen=True, slots=True)
class LocalPatient(StoredResource):
    """A patient as one practice knows them, whose number was compared with the one that was asked for."""


@dataclass(frozen=True, slots=True)
class StoredAppointment(StoredResource):
    """An appointment as a practice has it."""

    @property
    def status(self) -> str | None:
        """``booked``, ``cancelled``, or what else FHIR has."""
        return _text(self.resource.get("status"))

    @property
    def start(self) -> datetime | None:
        """When it begins; None when that cannot be read."""
        return moment(self.resource.get("start"))

    @property
    def end(self) -> datetime | None:
        """When it ends; None when that cannot be read."""
        return moment(self.resource.get("end"))

    @property
    def created(self) -> datetime | None:
        """When it was asked for, by whoever did."""
        return moment(self.resource.get("created"))

    @property
    def description(self) -> str | None:
        """What it is about, in the practice's form: it may have joined description and comment."""
        return _text(self.resource.get("description"))

    @property
    def comment(self) -> str | None:
        """What else was said about it."""
        return _text(self.resource.get("comment"))

    @property
    def slots(self) -> frozenset[str]:
        """The slots it takes, as ``Slot/id``."""
        return frozenset(_references(self.resource.get("slot")))

    def participants(self, kind: ResourceKind) -> list[ResourceId]:
        """Who, or what, of one type takes part, in the order sent."""
        actors = [each.get("actor") for each in _objects(self.resource.get("participant"))]
        known = (ResourceId.of_reference(self.id.practice_ods, target) for target in _references(actors))
        return [each for each in known if each is not None and each.kind == kind]

    @property
    def delivery_channel(self) -> str | None:
        """``In-person``, ``Telephone``, ``Video`` or ``Visit``."""
        for extension in _objects(self.resource.get("extension")):
            url = extension.get("url")
            if isinstance(url, str) and extension_name(url) == systems.DELIVERY_CHANNEL:
                return _text(extension_value(extension))
        return None

    @property
    def booked_by(self) -> str | None:
        """ODS code of the organisation that booked it; None when the practice does not say."""
        for resource in _objects(self.resource.get("contained")):
            if resource.get("resourceType") == "Organization":
                for identifier in _objects(resource.get("identifier")):
                    if is_current(identifier, systems.ODS_ORGANISATION):
                        return _text(identifier.get("value"))
        return None


def version_of(answer: Answer) -> str | None:
    """The version that an ETag names, for a resource that states none itself."""
    matched = _ETAG.fullmatch(answer.headers.get("etag", "").strip())
    return matched[1] if matched else None


def moment(value: object) -> datetime | None:
    """A date-time with its offset; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found if found.tzinfo else None


def _references(sent: object) -> list[str]:
    found = (each.get("reference") for each in _objects(sent))
    targets = (reference_target(each) for each in found if isinstance(each, str))
    return [target for target in targets if target]


def _objects(value: object) -> list[JsonObject]:
    """The objects of a list; a single object is a list of one."""
    listed = value if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, dict)]


def _object(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
