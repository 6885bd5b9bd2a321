"""PDS, SDS and three practices whose records are small, usual and large; arguments: folder, ready file.

Answers are made once and packed, so that what is waited for is the worker.
"""

import asyncio
import gzip
import json
import sys
from pathlib import Path
from typing import Final

import orjson

from tests.bench.fifty_practices import PRACTICES, found, nhs_numbers, pds_patient, worker_settings
from tests.support import bundles
from tests.support.http_server import HttpServer, Request, answer

SIZES: Final = ("0.8 KB", "25 KB", "242 KB")
COURSES: Final = (None, 5, 55)
_ISSUES: Final = 2


def record(courses: int | None) -> bundles.Resource:
    """A record of so many courses with two issues each; of None, one with nothing but its people."""
    if courses is None:
        return {**bundles.bundle(bundles.patient(), bundles.organisation())}
    plans, issued, products = [], [], []
    for n in range(courses):
        drug = {"medicationReference": bundles.reference(f"Medication/m{n}")}
        products.append(bundles.medication(f"m{n}", code=_product(n)))
        plans += [bundles.statement(f"s{n}", f"plan{n}", **drug), bundles.plan(f"plan{n}", **drug)]
        issued += [bundles.order(f"order{n}-{issue}", f"plan{n}", **drug) for issue in range(_ISSUES)]
    return bundles.record(
        bundles.record_list(bundles.MEDICATIONS_LIST, *(f"MedicationStatement/s{n}" for n in range(courses))),
        bundles.record_list(bundles.ALLERGIES_LIST, "AllergyIntolerance/a1"),
        bundles.ended_list(bundles.ended_allergy()),
        bundles.allergy(),
        *products,
        *plans,
        *issued,
    )


def record_of(size: int) -> bytes:
    """The bytes of a record, of the patient and the practice of that size."""
    text = orjson.dumps(record(COURSES[size])).decode()
    text = text.replace(bundles.NHS_NUMBER, nhs_numbers()[size]).replace(bundles.ODS, PRACTICES[size])
    return text.encode()


def _product(n: int) -> bundles.Resource:
    return bundles.concept("323509004", f"Medicine number {n} 250mg capsules")


class _Services:
    def __init__(self) -> None:
        self._token = answer({"access_token": "t", "expires_in": 36_000})
        self._found: dict[str, bytes] = {}
        numbers = nhs_numbers()
        self._patients = {
            f"/pds/Patient/{numbers[size]}": answer(pds_patient(numbers[size], PRACTICES[size]))
            for size in range(len(SIZES))
        }
        packed = {"Content-Encoding": "gzip"}
        self._records = {
            PRACTICES[size]: answer(gzip.compress(record_of(size)), headers=packed)
            for size in range(len(SIZES))
        }

    async def handle(self, request: Request, writer: asyncio.StreamWriter) -> None:
        target = request.target
        if target.startswith("/pds/"):
            writer.write(self._patients[target])
        elif target == "/token":
            writer.write(self._token)
        elif target.startswith("/sds/"):
            if target not in self._found:
                self._found[target] = found(target)
            writer.write(self._found[target])
        else:
            writer.write(self._records[target.partition("localhost/")[2].partition("/")[0]])


async def main(directory: Path, ready: Path) -> None:
    async with HttpServer(_Services().handle) as server:
        draft = ready.with_suffix(".draft")
        draft.write_text(json.dumps(worker_settings(server.url, directory)))
        draft.rename(ready)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
