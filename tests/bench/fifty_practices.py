"""PDS, SDS, the proxy and fifty practices as one process for the bulkhead bench; arguments: folder, ready file.

One patient is registered at each practice. The practice whose ODS code stands in the file ``hanging`` takes
its requests and never answers.
"""

import asyncio
import json
import re
import sys
from pathlib import Path

from bridge.record.nhs_number import is_valid_nhs_number
from tests.support import bundles
from tests.support.certificates import rsa_key
from tests.support.http_server import HttpServer, Request, answer

COUNT = 50
PRACTICES = tuple(f"A9{number:04d}" for number in range(COUNT))
_ANSWER_SECONDS = 2.0
_ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
_PARTY_KEY = "https://fhir.nhs.uk/Id/nhsMhsPartyKey"
_ASID = "https://fhir.nhs.uk/Id/nhsSpineASID"
_HOST = "localhost"


def nhs_numbers() -> list[str]:
    """One per practice, of the range for tests."""
    candidates = (str(number) for number in range(9_990_000_000, 9_999_999_999))
    valid = (number for number in candidates if is_valid_nhs_number(number))
    return [next(valid) for _ in range(COUNT)]


class Services:
    """Answers of every service, made once."""

    def __init__(self, hanging: Path) -> None:
        self._hanging = hanging
        self._token = answer({"access_token": "t", "expires_in": 3600})
        self._patients = {}
        self._records = {}
        for practice, number in zip(PRACTICES, nhs_numbers(), strict=True):
            self._patients[number] = answer(pds_patient(number, practice))
            self._records[practice] = answer(_record(number, practice))

    async def handle(self, request: Request, writer: asyncio.StreamWriter) -> None:
        path = request.target
        if path.startswith("/pds/"):
            writer.write(self._patients[path.rpartition("/")[2]])
        elif path == "/token":
            writer.write(self._token)
        elif path.startswith("/sds/"):
            writer.write(found(path))
        else:
            await self._practice(path, writer)

    async def _practice(self, path: str, writer: asyncio.StreamWriter) -> None:
        ods = path.partition(f"{_HOST}/")[2].partition("/")[0]
        if self._hanging.exists() and self._hanging.read_text() == ods:
            await writer.wait_closed()
            return
        await asyncio.sleep(_ANSWER_SECONDS)
        writer.write(self._records[ods])


def pds_patient(number: str, practice: str) -> bundles.Resource:
    identifier = {"system": _ODS, "value": practice, "period": {"start": "2020-01-01"}}
    return {
        "resourceType": "Patient",
        "id": number,
        "meta": {"security": [{"code": "U"}]},
        "name": [{"use": "usual", "family": "Sample", "given": ["Ada", "May"]}],
        "gender": "female",
        "birthDate": "1950-01-31",
        "generalPractitioner": [{"id": "1", "type": "Organization", "identifier": identifier}],
    }


def _record(number: str, practice: str) -> bundles.Resource:
    text = json.dumps(bundles.typical_record())
    record: bundles.Resource = json.loads(
        text.replace(bundles.NHS_NUMBER, number).replace(bundles.ODS, practice)
    )
    return record


def found(path: str) -> bytes:
    matched = re.search(r"ods-organization-code%7C([A-Z0-9]+)", path)
    assert matched is not None
    ods = matched[1]
    identifiers = [{"system": _PARTY_KEY, "value": f"{ods}-1"}, {"system": _ASID, "value": "999900001001"}]
    kind = "Endpoint" if "/Endpoint?" in path else "Device"
    resource: bundles.Resource = {"resourceType": kind, "identifier": identifiers}
    if kind == "Endpoint":
        resource["address"] = f"http://{_HOST}/{ods}/STU3/1/gpconnect/structured"
    return answer({"resourceType": "Bundle", "entry": [{"resource": resource}]})


def worker_settings(url: str, directory: Path) -> dict[str, str]:
    """What a worker needs that calls all of them at one address."""
    return {
        "BRIDGE_SANDBOX": "true",
        "BRIDGE_STATE_DIR": str(directory),
        "BRIDGE_PDS_URL": f"{url}/pds",
        "BRIDGE_PDS_TOKEN_URL": f"{url}/token",
        "BRIDGE_PDS_CLIENT_ID": "bench",
        "BRIDGE_PDS_KEY_FILE": str(rsa_key(directory)),
        "BRIDGE_PDS_KEY_ID": "bench",
        "BRIDGE_SDS_URL": f"{url}/sds",
        "BRIDGE_SDS_API_KEY": "bench",
        "BRIDGE_SSP_URL": url,
        "BRIDGE_SPINE_ALLOWED_HOSTS": _HOST,
        "BRIDGE_CONSUMER_ENDPOINT_URL": "https://bench.example",
        "BRIDGE_CONSUMER_SUPPLIER_ODS": "YGB01",
        "BRIDGE_CONSUMER_ORGANISATIONS": "RZZ01",
        "BRIDGE_CONSUMER_DEVICE_ID": "bench",
        "BRIDGE_CONSUMER_IDENTIFIER_SYSTEM": "https://bench.example/Id",
        "BRIDGE_PATIENT_KEY": "bench",
    }


async def main(directory: Path, ready: Path) -> None:
    async with HttpServer(Services(directory / "hanging").handle, host=_HOST) as server:
        draft = ready.with_suffix(".draft")
        draft.write_text(json.dumps(worker_settings(server.url, directory)))
        draft.rename(ready)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
