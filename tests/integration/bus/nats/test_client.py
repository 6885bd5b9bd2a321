"""The client of NATS and a server that stops while it connects; the server is one of the tests, which stops when it is told."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from bridge.bus.access import Access
from bridge.bus.nats.client import ReadingClient, leave

INFO = b'INFO {"server_id":"S","version":"2.11.0","proto":1,"headers":true,"max_payload":1048576}\r\n'


@asynccontextmanager
async def stopping_server() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Ends its first link after a subscription, and the second before a word; whether a third was made."""
    links, is_third = count(1), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(links)
        if number != 2:
            writer.write(INFO)
            while line := await reader.readline():
                if line.startswith(b"PING"):
                    writer.write(b"PONG\r\n")
                if line.startswith(b"SUB"):
                    if number == 1:
                        break
                    is_third.set()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        host, port = listening.sockets[0].getsockname()
        yield f"nats://{host}:{port}", is_third


async def test_a_link_that_ends_in_its_handshake_is_closed_before_the_next_one() -> None:
    async with stopping_server() as (url, is_third):
        client = ReadingClient([url], Access())
        await client.sign_in(reconnect_time_wait=0, max_reconnect_attempts=-1)
        await client.subscribe("held")
        async with asyncio.timeout(10):
            await is_third.wait()
        gc.collect()  # tells of a link that nobody closed, which fails the test
        await leave(client)
