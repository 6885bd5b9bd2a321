"""PDS, SDS and three practices whose records are small, usual and large; arguments: folder, ready file.

Answers are made once and packed, so that what is waited for is the worker.
"""

import asyncio
import gzip
import json
import sys
from pathlib import Path

from tests.bench.fifty_practices import PRACTICES, found, nhs_numbers, pds_patient, worker_settings
from tests.bench.record_sizes import SIZES, record_of
from tests.support.http_server import HttpServer, Request, answer


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
            PRACTICES[size]: answer(
                gzip.compress(record_of(size, numbers[size], PRACTICES[size])), headers=packed
            )
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
