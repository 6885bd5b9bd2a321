"""What an EPR does with what is published: it stages parts, imports a record once it is whole, and never deletes.

It reads the events themselves, the same in FHIR R4 and HL7 v2, and the changes; each keeps a copy of its own. Nothing of the bridge is used, so
whoever builds an importer may begin here. Events may come in any order, and as often as they like.
"""

import json
from base64 import b64decode
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.copies import AreaCopy

COMPLETED = "record.completed.v1"
IN_R4 = "record.rendered.r4.v1"
IN_V2 = "allergies.rendered.hl7v2.v1"
Event = Mapping[str, Any]


@dataclass
class Chart:
    """One patient, as the EPR has it.

    Attributes:
        whole: of each area the newest answer: when it was retrieved, and its items by id.
        r4: of the newest answer: when it was retrieved, and its resources in FHIR R4.
        v2: of the newest one that has messages of allergies in HL7 v2: when it was retrieved, and those.
        updated: allergies by IAM-7, as updates in HL7 v2 told them; none is ever taken away.
        changes: of each area the copy that the changes keep.
        waiting: changes by area and base, whose base has not come yet.
        ever: ids of all items of an area that were ever told.
    """

    whole: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    r4: tuple[str, list[Any]] = ("", [])
    v2: tuple[str, list[str]] = ("", [])
    updated: dict[str, str] = field(default_factory=dict)
    changes: dict[str, AreaCopy] = field(default_factory=lambda: defaultdict(AreaCopy))
    waiting: dict[str, dict[str | None, Event]] = field(default_factory=lambda: defaultdict(dict))
    ever: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


class Importer:
    """Takes messages, and keeps charts by the patient's key.

    Attributes:
        imported: snapshots that were imported, each once.
        repeats: how many messages had come before.
    """

    def __init__(self) -> None:
        self.charts: dict[str, Chart] = defaultdict(Chart)
        self.imported: list[str] = []
        self.repeats = 0
        self._known: set[tuple[str, str]] = set()
        self._staged: dict[str, dict[str, Event]] = defaultdict(dict)

    @property
    def unfinished(self) -> int:
        """Parts of records whose other parts have not come."""
        return sum(map(len, self._staged.values()))

    def take(self, body: bytes) -> None:
        """Take one message, whatever came before it."""
        event = json.loads(body)
        identity = (event["source"], event["id"])  # not the id alone: another source may give out the same
        if identity in self._known:
            self.repeats += 1
            return
        self._known.add(identity)
        record = event["subject"], event["correlationid"]
        staged = self._staged[str(record)]
        staged[event["id"]] = event
        manifest = next((each for each in staged.values() if each["type"].endswith(COMPLETED)), None)
        if manifest is not None and _named(manifest) <= staged.keys():
            del self._staged[str(record)]
            self._import(manifest, list(staged.values()))

    def _import(self, manifest: Event, parts: list[Event]) -> None:
        self.imported.append(manifest["id"])
        if manifest["data"]["demographics"]["verdict"] != "accept":
            return  # a person must look first (CS-048)
        chart = self.charts[manifest["patientkey"]]
        retrieved_at = manifest["data"]["retrieved_at"]
        in_v2 = [
            b64decode(part["data_base64"]).decode()  # MSH-18 says UTF-8
            for part in parts
            if part["type"].endswith(IN_V2)
        ]
        if in_v2:
            _take_v2(chart, retrieved_at, in_v2)
        for part in parts:
            if part["type"].endswith(IN_R4):
                resources = [entry["resource"] for entry in part["data"]["entry"]]
                chart.r4 = max(chart.r4, (retrieved_at, resources), key=_when)
                continue
            area, verb, _version = part["type"].split(".")[-3:]
            if verb == "published":
                _take_whole(chart, area, part["data"])
            elif verb == "changed":
                chart.waiting[area][part["data"]["base_snapshot_id"]] = part["data"]
        for area, waiting in chart.waiting.items():
            copy = chart.changes[area]
            while (following := waiting.pop(copy.snapshot_id, None)) is not None:
                assert copy.take_changes(following)


def _named(manifest: Event) -> set[str]:
    """The ids of everything that belongs to a record, the manifest's own among them."""
    data = manifest["data"]
    forms = [each["event_id"] for each in data.get("renderings", ()) if each["outcome"] == "rendered"]
    return {manifest["id"], *(part["event_id"] for part in data["parts"]), *forms}


def _when(told: tuple[str, Any]) -> str:
    return told[0]


def _take_v2(chart: Chart, retrieved_at: str, messages: list[str]) -> None:
    """An older answer that comes late changes nothing: the newest has everything."""
    if retrieved_at < chart.v2[0]:
        return
    chart.v2 = retrieved_at, messages
    for message in messages:
        for line in message.split("\r"):
            if line.startswith("IAM|"):
                iam = line.split("|")
                assert iam[6] in ("A", "U"), "and never D; one that is not held is added with either"
                chart.updated[iam[7]] = iam[3]


def _take_whole(chart: Chart, area: str, data: Event) -> None:
    """An older answer that comes late changes nothing; what is not in a newer one is kept beside it."""
    items = {item["item_id"]: item for item in data["items"]}
    chart.ever[area] |= items.keys()
    retrieved_at = str(data["retrieved_at"])
    if area not in chart.whole or chart.whole[area][0] <= retrieved_at:
        chart.whole[area] = retrieved_at, items
