"""The record of each corpus bundle, byte for byte: its medications and allergies."""

from pathlib import Path

import orjson
import pytest

from bridge.areas import map_record
from bridge.errors import ResponseInvalid
from bridge.mapping import Asked
from tests.contract.golden.areas import TWO_AREAS
from tests.contract.golden.digests import compare, digest
from tests.support.corpus import CORPUS, SOURCE

DIGESTS = Path(__file__).with_name("corpus.txt")


def record(body: bytes) -> bytes:
    try:
        return orjson.dumps(map_record(orjson.loads(body), asked=Asked(), source=SOURCE, table=TWO_AREAS))
    except (orjson.JSONDecodeError, ResponseInvalid) as refused:
        return str(refused).encode()


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
def test_records_of_the_corpus_are_as_before():
    files = sorted((CORPUS / "structured").rglob("*.json"))
    compare(DIGESTS, {file.name: digest(record(file.read_bytes())) for file in files})
