"""What tests of documents share: a hospital that asks for them, and fetches what waits in the vault."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bridge.engine.http.consumers import add_consumer
from bridge.sandbox import BY_NAME, RunningSandbox
from bridge.sandbox.documents.shelf import FiledDocument, binary_id
from tests.support import published
from tests.support.hospital import AnyHospital
from tests.support.ports import free_port
from tests.support.requests import cloud_event, record_request

FIND, RETRIEVE = "documents.requested.v1", "document.requested.v1"
FOUND, RETRIEVED = "documents.found.v1", "document.retrieved.v1"


def claims_settings(folder: Path) -> tuple[dict[str, str], str]:
    """Variables of a claims endpoint on a port of its own, and the token of a consumer."""
    port, file = free_port(), folder / "consumers"
    token = add_consumer(file, "epr-1")
    return {
        "BRIDGE_CLAIMS_URL": f"http://127.0.0.1:{port}",
        "BRIDGE_CLAIMS_PORT": str(port),
        "BRIDGE_CLAIMS_CONSUMERS_FILE": str(file),
    }, token


@dataclass
class Records:
    """The medical records department of a hospital: it asks for documents, and stores them."""

    sandbox: RunningSandbox
    hospital: AnyHospital
    token: str

    async def find(self, scenario: str, **narrowed: Any) -> tuple[str, dict[str, Any]]:
        """The one event about a search."""
        return await self._ask(FIND, scenario, narrowed)

    async def documents(self, scenario: str, **narrowed: Any) -> dict[str, dict[str, Any]]:
        """The documents found, by their name on the shelf of the sandbox."""
        kind, data = await self.find(scenario, **narrowed)
        assert kind == FOUND, data
        names = {document.name for document in shelf(scenario)}
        return {name: each for each in data["documents"] for name in names if is_of(each, scenario, name)}

    async def retrieve(self, scenario: str, **asked: Any) -> tuple[str, dict[str, Any]]:
        """The one event about a document."""
        return await self._ask(RETRIEVE, scenario, asked)

    async def document(self, scenario: str, name: str) -> tuple[str, dict[str, Any]]:
        """Find a document, and ask for it with what was found of it."""
        return await self.retrieve(scenario, **as_asked((await self.documents(scenario))[name]))

    async def fetch(self, url: str) -> httpx.Response:
        """What waits in the vault."""
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            return await client.get(url, headers={"authorization": f"Bearer {self.token}"})

    def calls(self, scenario: str) -> list[str]:
        """Which operations the practice was asked for about the patient, as the sandbox calls them."""
        number = BY_NAME[scenario].nhs_number
        found = self.sandbox.calls.of("practice", nhs_number=number)
        assert [call.remarks for call in found] == [[]] * len(found)
        return [(call.interaction or "").rpartition("rest:")[2] for call in found]

    async def _ask(self, key: str, scenario: str, asked: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        data = record_request(BY_NAME[scenario].nhs_number, **asked)
        del data["areas"]
        request = cloud_event(data, type=f"uk.nhs.gpconnect.{key}")
        await self.hospital.ask(request, key=key)
        ((kind, event),) = await self.hospital.outcome(request["id"])
        published.check(kind, event["data"])
        outside = {name: value for name, value in event.items() if name != "data"}
        assert BY_NAME[scenario].nhs_number not in repr(outside)
        return kind, event["data"]


def shelf(scenario: str) -> Iterator[FiledDocument]:
    held = BY_NAME[scenario].shelf
    assert held is not None
    return iter(held.documents)


def on_shelf(scenario: str, name: str) -> FiledDocument:
    return next(document for document in shelf(scenario) if document.name == name)


def is_of(document: Mapping[str, Any], scenario: str, name: str) -> bool:
    """Whether what was found is the document of this name: by its address, else by why it has none."""
    one = BY_NAME[scenario]
    if "location" in document:
        return bool(document["location"].endswith(binary_id(one.practice.ods, one.nhs_number, name)))
    return document.get("unavailable_reason") == on_shelf(scenario, name).unavailable


def as_asked(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a hospital copies from what was found into its request."""
    copied = ("location", "unavailable_reason", "size_bytes", "content_type", "not_for_patient")
    return {
        **{name: document[name] for name in copied if name in document},
        "security_labels": [*document["document_labels"], *document["provenance"]["security_labels"]],
        "business_ids": document["provenance"]["business_ids"],
    }
