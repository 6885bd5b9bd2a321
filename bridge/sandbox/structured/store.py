"""The records the practices hold: scenario patients, and bundle files that somebody brought along."""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from bridge.record.nhs_number import NHS_NUMBER_SYSTEM, is_valid_nhs_number
from bridge.sandbox.people import Held, PdsRegistration, Person, crowd
from bridge.sandbox.scenarios import BY_NUMBER, SCENARIOS
from bridge.sandbox.structured.parameters import Query
from bridge.sandbox.structured.record import Record, encode
from bridge.sandbox.world import MAIN, OLDER

Json = dict[str, Any]

_CACHED_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RecordFile:
    """A bundle file, to be served as it is whatever is asked.

    Attributes:
        name: of the file, for reporting.
        body: the Bundle without its id, ready for one to be put in front; or as it was if it had none.
        had_id: whether the file names a Bundle id, so that the answer gets the trace id in its place.
    """

    name: str
    registration: PdsRegistration
    body: bytes
    had_id: bool

    @property
    def is_askable(self) -> bool:
        """Whether a request for this patient passes the check of the NHS number at all."""
        return is_valid_nhs_number(self.registration.nhs_number)


class Unreadable(Exception):  # noqa: N818 - what the file is
    """The file cannot be served; the text says why without anything of the patient."""


def read_folder(folder: Path) -> tuple[list[RecordFile], dict[str, str]]:
    """The bundle files of `folder`, and why the other ``*.json`` files cannot be served, by name."""
    files: dict[str, RecordFile] = {}
    problems: dict[str, str] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            file = read_file(path)
        except Unreadable as problem:
            problems[path.name] = str(problem)
            continue
        number = file.registration.nhs_number
        if number in files:
            problems[path.name] = f"the same NHS number as in {files[number].name}"
        else:
            files[number] = file
    return list(files.values()), problems


def read_file(path: Path) -> RecordFile:
    """One bundle file.

    Raises:
        Unreadable: not JSON, not a Bundle of a record, or without a patient who has an NHS number.
    """
    try:
        raw = path.read_bytes()
        bundle = json.loads(raw)
    except (OSError, ValueError):
        raise Unreadable("not readable as JSON") from None
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise Unreadable("not a Bundle")
    if bundle.get("type") == "searchset":
        raise Unreadable("the answer of a search, not a record")
    patients = [resource for resource in _resources(bundle) if resource.get("resourceType") == "Patient"]
    found = next(((patient, number) for patient in patients if (number := _nhs_number(patient))), None)
    if found is None:
        raise Unreadable("no Patient with an NHS number")
    patient, number = found
    had_id = bundle.pop("id", None) is not None
    registration = PdsRegistration(number, _person(patient), MAIN.ods)
    return RecordFile(path.name, registration, encode(bundle) if had_id else raw, had_id)


class RecordStore:
    """Records by NHS number, encoded once for each way of asking.

    Args:
        files: bundle files to serve besides the scenarios' records.
        crowd_size: how many people without a record there are besides, at `MAIN` and `OLDER`.
    """

    def __init__(self, files: list[RecordFile], crowd_size: int = 0) -> None:
        self._files = {file.registration.nhs_number: file for file in files}
        self.crowd = tuple(islice(crowd((MAIN.ods, OLDER.ods)), crowd_size))
        self._records: dict[str, Record | None] = {}
        self._encoded: OrderedDict[Query, bytes] = OrderedDict()
        self._bytes = 0

    @property
    def registrations(self) -> Mapping[str, PdsRegistration]:
        """Everybody that PDS knows; a file goes before a scenario."""
        known = {scenario.nhs_number: scenario.registration for scenario in SCENARIOS}
        known |= {one.nhs_number: one for one in self.crowd}
        return known | {number: file.registration for number, file in self._files.items()}

    def held_at(self, ods: str) -> Iterator[Held]:
        """Whom the practice `ods` has in its index at the start; a file goes before a scenario."""
        for scenario in SCENARIOS:
            held = scenario.held_at(ods)
            if held and scenario.nhs_number not in self._files:
                yield held
        for one in (*self.crowd, *(file.registration for file in self._files.values())):
            if one.practice_ods == ods:
                yield Held(one, one.person)

    def another_than(self, query: Query) -> Query:
        """The same question about somebody else."""
        return replace(
            query,
            nhs_number=next(one.nhs_number for one in SCENARIOS if one.nhs_number != query.nhs_number),
        )

    def body(self, query: Query, ods: str, trace_id: str, *, other: bool = False) -> bytes | None:
        """The Bundle as JSON with `trace_id` for its id; None when the practice `ods` has no such patient.

        With `other` the answer is meant to be somebody else's, whose practice does not matter.
        """
        file = self._files.get(query.nhs_number)
        if file and (other or file.registration.practice_ods == ods):
            return _with_id(file.body, trace_id) if file.had_id else file.body
        scenario = BY_NUMBER.get(query.nhs_number)
        if file or scenario is None or not (other or scenario.practice.ods == ods):
            return None
        encoded = self._encoded.get(query)
        if encoded is None:
            record = self._record(query.nhs_number)
            if record is None:
                return None
            encoded = encode(record.answer(query))
            self._keep(query, encoded)
        return _with_id(encoded, trace_id)

    def change(self, number: str, change: Callable[[Record], None]) -> None:
        """Let a practice hold something else of a scenario's patient from now on.

        Raises:
            KeyError: no scenario has a record under this NHS number.
        """
        record = self._record(number)
        if record is None:
            raise KeyError(number)
        change(record)
        for query in [known for known in self._encoded if known.nhs_number == number]:
            self._bytes -= len(self._encoded.pop(query))

    def reset(self) -> None:
        """Every record as at the start."""
        self._records.clear()
        self._encoded.clear()
        self._bytes = 0

    def _record(self, number: str) -> Record | None:
        if number not in self._records:
            self._records[number] = BY_NUMBER[number].record()
        return self._records[number]

    def _keep(self, query: Query, encoded: bytes) -> None:
        self._encoded[query] = encoded
        self._bytes += len(encoded)
        while self._bytes > _CACHED_BYTES and len(self._encoded) > 1:
            self._bytes -= len(self._encoded.popitem(last=False)[1])


def _with_id(body: bytes, trace_id: str) -> bytes:
    """The id goes in front, so that nothing needs to be read or written again."""
    return b'{"id":' + json.dumps(trace_id).encode() + b"," + body[1:]


def _resources(bundle: Json) -> Iterator[Json]:
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            yield resource


def _nhs_number(patient: Json) -> str | None:
    identifiers = patient.get("identifier")
    for identifier in identifiers if isinstance(identifiers, list) else []:
        if isinstance(identifier, dict) and identifier.get("system") == NHS_NUMBER_SYSTEM:
            value = identifier.get("value")
            return value if isinstance(value, str) and value else None
    return None


def _person(patient: Json) -> Person:
    """As PDS would know this patient."""
    names = [name for name in patient.get("name") or [{}] if isinstance(name, dict)]
    name = next((one for one in names if one.get("use") == "official"), names[0] if names else {})
    given, prefix = name.get("given"), name.get("prefix")
    return Person(
        family=str(name.get("family") or "Unknown"),
        given=tuple(str(one) for one in given) if isinstance(given, list) and given else ("Unknown",),
        prefix=str(prefix[0]) if isinstance(prefix, list) and prefix else None,
        gender=str(patient.get("gender") or "unknown"),
        birth_date=str(patient.get("birthDate") or "1900-01-01"),
    )
