"""One connection to NATS, and whether its user has the rights that a worker needs: each tried once.

A worker that lacks one goes on waiting for it, and what the server says names the subject, at most.
"""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from nats.aio.client import Client

from bridge.bus.access import Access
from bridge.bus.nats.client import ReadingClient, answered, leave
from bridge.errors import NoConnection

_VIOLATION: Final = re.compile(
    r"permissions violation for (publish|subscription) to \"([^\"]*)\"", re.IGNORECASE
)


async def try_once(urls: Sequence[str], prefix: str | None, access: Access, *, declares: bool = True) -> None:
    """Connect to one of them and close; with a prefix, use each right that a worker needs on what has it.

    Args:
        urls: of servers of one cluster.
        prefix: first part of every name.
        access: what the settings say beside the URL.
        declares: whether it makes streams and consumers itself, and needs the right to.

    Raises:
        NoConnection: ``no_rights``, with the first right that the user lacks.
        Exception: the driver's own, of whatever keeps it from connecting.
    """
    faults: list[Exception] = []

    async def on_error(error: Exception) -> None:
        faults.append(error)

    client = ReadingClient(urls, access)
    try:
        await client.sign_in(
            allow_reconnect=False, max_reconnect_attempts=1, reconnect_time_wait=0, error_cb=on_error
        )
    except Exception as error:  # noqa: BLE001 - raised again, or what it hides is
        # It says that there is no server left to try, when each was tried: the first fault is the cause.
        raise (faults[0] if faults else error) from None
    else:
        if prefix is not None:
            await _try_rights(client, prefix, faults, urls[0], declares=declares)
    finally:
        await leave(client)  # a client that was refused leaves its socket open


async def _try_rights(
    client: Client, prefix: str, faults: Sequence[Exception], url: str, *, declares: bool
) -> None:
    """What a worker does on NATS: ask for streams and consumers, make them, pull, acknowledge, hear answers.

    Each subject is one of a stream that does not exist, with nothing in the message. Not tried is to publish
    an event: whoever listens would get it.

    Args:
        client: connected.
        prefix: first part of every name.
        faults: where the client's callback puts what the server objects to.
        url: names the user.
        declares: whether the right to make streams and consumers is needed.
    """
    stream = f"{prefix}_doctor"
    inbox = client.new_inbox()
    made = (f"$JS.API.STREAM.CREATE.{stream}", f"$JS.API.CONSUMER.CREATE.{stream}.worker")
    subjects = (
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.CONSUMER.INFO.{stream}.worker",
        *(made if declares else ()),
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.worker",
        f"$JS.ACK.{stream}.worker",
    )
    await client.subscribe(inbox)
    for subject in subjects:
        await client.publish(subject)
    await answered(client)  # in order: its objections come before that
    for fault in faults:
        if found := _VIOLATION.search(str(fault)):
            # The driver tells the subject in lower case, which is another subject.
            subject = next(
                (name for name in (*subjects, inbox) if name.lower() == found[2].lower()), found[2]
            )
            does = "publish" if found[1].lower() == "publish" else "subscribe"
            name = urlsplit(url).username if urlsplit(url).password else None  # else it is a token
            who = f"user {name!r}" if name else "the user"
            raise NoConnection("no_rights", f"{who} may not {does} to {subject!r}")
