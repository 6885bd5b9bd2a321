"""``bridge keys adopt``: the one command of key rings that needs the ledger."""

from bridge.cli.terminal import load_settings, operator, with_stores
from bridge.operations import keys


def adopt(reason: str, actor: str | None) -> None:
    """Let the ledger be kept with the keys of the next worker that starts."""
    settings = load_settings()
    who = operator(settings, actor)
    with_stores(settings, lambda stores: keys.adopt(stores, actor=who, reason=reason))
