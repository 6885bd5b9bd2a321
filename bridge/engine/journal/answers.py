"""The answers of practices, kept encrypted as long as the site says: they are the source of truth."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bridge.gpconnect.answer import PracticeAnswer
from bridge.ledger.keys import KeyUnknown, NotKept
from bridge.ledger.storage.store import LedgerStep
from bridge.ledger.vault.vault import KeptAnswer, Vault
from bridge.record.dates import rfc3339


class AnswerJournal(Protocol):
    """What practices answered; see `Journal` for what is raised."""

    async def keep_answer(self, request_key: str, interaction: str, answer: PracticeAnswer) -> None:
        """Keep a practice's answer, encrypted, as long as the site says."""

    async def sealed(self, request_key: str, interaction: str, answer: PracticeAnswer) -> LedgerStep[None]:
        """A step that keeps it so: for `RequestJournal.finish` or `wait`."""

    async def kept_answers(self, request_key: str) -> Sequence[tuple[str, PracticeAnswer]]:
        """The answers to a request that are kept, oldest first, each with what was asked."""


class VaultAnswers:
    """The answers in the vault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def keep_answer(self, request_key: str, interaction: str, answer: PracticeAnswer) -> None:
        """See `AnswerJournal.keep_answer`."""
        await self._vault.store_answer(_kept(request_key, interaction, answer))

    async def sealed(self, request_key: str, interaction: str, answer: PracticeAnswer) -> LedgerStep[None]:
        """See `AnswerJournal.sealed`."""
        return await self._vault.sealed(_kept(request_key, interaction, answer))

    async def kept_answers(self, request_key: str) -> Sequence[tuple[str, PracticeAnswer]]:
        """See `AnswerJournal.kept_answers`."""
        found = []
        for facts in await self._vault.answers_to(request_key):
            try:
                body = (await self._vault.open_answer(facts.sha256)).body
            except (NotKept, KeyUnknown):
                continue
            received_at = rfc3339(facts.received_at)
            found.append(
                (facts.interaction, PracticeAnswer(body, received_at, facts.trace_id, facts.practice_ods))
            )
        return found


def _kept(request_key: str, interaction: str, answer: PracticeAnswer) -> KeptAnswer:
    return KeptAnswer(
        body=answer.body,
        sha256=answer.body_sha256,
        received_at=datetime.fromisoformat(answer.retrieved_at),
        request_key=request_key,
        interaction=interaction,
        practice_ods=answer.practice_ods,
        trace_id=answer.trace_id,
    )
