"""However large a document is, a small part of it is in memory: it is decoded, scanned and sealed on its way."""

import base64
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bridge.engine.documents import Intake
from bridge.engine.journal.opening import open_journal
from bridge.engine.scanning import Scanner
from bridge.ledger.vault.vault import PART_BYTES
from bridge.sandbox import SandboxOptions, running
from bridge.settings import ScanSettings, Settings

SIZE = 60 * 1024 * 1024


def pieces() -> Iterator[bytes]:
    """A Binary of `SIZE`, made as it is asked for."""
    encoded = base64.b64encode(b"%PDF-1.4 x" * 4800)  # a multiple of three: none of them is padded
    yield b'{"resourceType":"Binary","contentType":"application/pdf","content":"'
    for _ in range(SIZE // 48_000):
        yield encoded
    yield b'"}'


async def test_a_document_is_never_whole_in_memory(tmp_path: Path):
    async with running(SandboxOptions(state_dir=tmp_path)) as sandbox:
        settings = Settings.load(environ=sandbox.environment | {"BRIDGE_STATE_DIR": str(tmp_path)})
        async with open_journal(settings) as journal, Scanner(ScanSettings()).scanning() as scan:
            deposit = journal.claim_checks.deposit("/epr r-1", datetime.now(UTC) + timedelta(days=1))
            intake = Intake(deposit, scan, SIZE)
            tracemalloc.start()
            try:
                for piece in pieces():
                    await intake.take(piece)
                intake.finish()
                await deposit.complete("application/pdf")
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert deposit.size > SIZE - 48_000
    assert peak < 8 * PART_BYTES
