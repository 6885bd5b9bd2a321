"""Finding a request by what an operator has in hand: its key, or the sender's id alone."""

from collections.abc import Sequence

from sqlalchemy import select

from bridge.ledger.storage.store import Store
from bridge.ledger.storage.tables import requests


async def request_keys(store: Store, text: str) -> Sequence[str]:
    """The keys of the requests that `text` may mean: the one with this key, else all with this id.

    A key is the sender's source, a blank, and the id; the same id may come from several sources.
    """
    exact = select(requests.c.request_key).where(requests.c.request_key == text)
    by_id = select(requests.c.request_key).where(requests.c.request_key.endswith(f" {text}", autoescape=True))
    return await store.read(
        lambda connection: (
            connection.scalars(exact).all()
            or connection.scalars(by_id.order_by(requests.c.request_key)).all()
        )
    )
