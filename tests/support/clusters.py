"""Real clusters of three nodes on this machine: any of them may be killed, restarted, or cut off from the others."""

import asyncio
import contextlib
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import nats
from nats.aio.client import Client as NatsClient
from nats.errors import Error as NatsError

from tests.support.brokers import NatsNode, Node, RabbitNode
from tests.support.ports import free_port, free_ports
from tests.support.tcp_proxy import TcpProxy

SIZE = 3


class Cluster(Protocol):
    """Three nodes of a broker.

    Attributes:
        title: of the broker.
        nodes: each with a `url` of its own.
    """

    title: str
    nodes: Sequence[Node]

    async def leader_of(self, queue: str) -> int:
        """The number of the node that leads a work queue."""
        ...

    async def move_leader(self, queue: str) -> None:
        """Have another node lead it, and return when one does."""
        ...

    async def in_step(self, number: int) -> None:
        """Return when no queue would lack a majority without this node: it may be stopped, or another one."""
        ...

    async def cut_off(self, number: int) -> None:
        """Let a node and the others not hear of each other any more; clients reach all of them."""
        ...

    async def heal(self, number: int) -> None:
        """End that."""
        ...


def listed(urls: Sequence[str]) -> str:
    """One URL of several."""
    around, _, place = urls[0].partition("://")[2].partition("/")[0].rpartition("@")
    places = [url.partition("://")[2].partition("/")[0].rpartition("@")[2] for url in urls]
    user = f"{around}@" if around else ""
    return urls[0].replace(f"{user}{place}", user + ",".join(places), 1)


def start_together(nodes: Sequence[Node]) -> None:
    with ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(lambda node: node.start(), nodes))


class RabbitMember(RabbitNode):
    """One of three: they share a cookie and a port mapper."""

    patience = 300.0  # three machines start at once

    def __init__(
        self, directory: Path, data: Path, name: str, epmd_port: int, members: Sequence[str]
    ) -> None:
        super().__init__(directory)
        self._data = data
        self._epmd_port, self._name = epmd_port, name
        cookie = directory / ".erlang.cookie"
        cookie.write_text("ofTheTests")
        cookie.chmod(0o400)
        with (directory / "rabbitmq.conf").open("a") as conf:
            conf.write(
                "cluster_formation.peer_discovery_backend = classic_config\n"
                "cluster_partition_handling = pause_minority\n"
                + "".join(
                    f"cluster_formation.classic_config.nodes.{number} = {member}\n"
                    for number, member in enumerate(members, 1)
                )
            )

    def _environment(self) -> Mapping[str, str]:
        return {**super()._environment(), "RABBITMQ_MNESIA_BASE": str(self._data)}

    def wait_in_step(self) -> None:
        """As the guide has an administrator wait between two restarts."""
        command = ["rabbitmq-upgrade", "--quiet", "--timeout", "240", "await_online_quorum_plus_one"]
        subprocess.run(command, env=self.environment(), check=True, capture_output=True, timeout=250)

    def close(self) -> None:
        self.kill()


class RabbitCluster:
    """Three nodes of RabbitMQ, of which a minority pauses."""

    title = "RabbitMQ"

    def __init__(self, directory: Path, data: Path) -> None:
        epmd_port, tag = free_port(), secrets.token_hex(4)
        self._names = [f"n{number}-{tag}@localhost" for number in range(SIZE)]
        self.nodes = [
            RabbitMember(directory / name.partition("-")[0], data, name, epmd_port, self._names)
            for name in self._names
        ]

    def start(self) -> None:
        self.nodes[0].start()  # it brings the port mapper, and is there to be joined
        start_together(self.nodes[1:])

    async def leader_of(self, queue: str) -> int:
        told = await asyncio.to_thread(
            self.nodes[0].control, "list_queues", "name", "leader", "--no-table-headers"
        )
        [leader] = [line.split()[1] for line in told.splitlines() if line.split()[0] == queue]
        return self._names.index(leader)

    async def move_leader(self, queue: str) -> None:
        before = await self.leader_of(queue)
        # As the broker's own rebalancing does it; the queue is of the virtual host "/".
        at, to = (f"{{'%2F_{queue}', '{self._names[one]}'}}" for one in (before, (before + 1) % SIZE))
        await asyncio.to_thread(self.nodes[before].control, "eval", f"ra:transfer_leadership({at}, {to}).")
        while await self.leader_of(queue) == before:
            await asyncio.sleep(0.2)

    async def in_step(self, number: int) -> None:
        await asyncio.to_thread(self.nodes[number].wait_in_step)

    async def cut_off(self, number: int) -> None:
        # A node that has another idea of the others' secret cannot be connected to, from either side.
        others = [name for name in self._names if name != self._names[number]]
        steps = "".join(
            f"erlang:set_cookie('{other}', another), erlang:disconnect_node('{other}'), " for other in others
        )
        await asyncio.to_thread(self.nodes[number].control, "eval", f"{steps} ok.")

    async def heal(self, number: int) -> None:
        others = [name for name in self._names if name != self._names[number]]
        steps = "".join(f"erlang:set_cookie('{other}', erlang:get_cookie()), " for other in others)
        await asyncio.to_thread(self.nodes[number].control, "eval", f"{steps} ok.")

    def close(self) -> None:
        for node in self.nodes:
            node.close()
        RabbitNode.close(self.nodes[0])  # the port mapper


class NatsMember(NatsNode):
    """One of three, with routes to those that came before it."""

    def __init__(
        self, directory: Path, data: Path, name: str, cluster_port: int, routes: Sequence[str]
    ) -> None:
        super().__init__(directory)
        with self._config.open("w") as conf:
            conf.write(
                f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{data}", sync_interval: always }}\n'
                f'server_name: {name}\ncluster {{ name: tests, listen: "127.0.0.1:{cluster_port}"\n'
                # Nobody is told of a way round the proxies that the routes go through.
                f'  no_advertise: true, advertise: "127.0.0.1:9", routes: [{", ".join(routes)}] }}\n'
            )


class NatsCluster:
    """Three NATS servers whose routes to each other go through proxies."""

    title = "NATS"

    def __init__(self, directory: Path, data: Path) -> None:
        self._directory, self._data = directory, data
        self.nodes: list[NatsMember] = []
        self._ways: dict[frozenset[int], TcpProxy] = {}

    async def start(self) -> None:
        first = free_ports(SIZE)
        for number in range(SIZE):
            routes = [f'"nats://127.0.0.1:{first + number}"']  # to itself: the first one must have some
            for other in range(number):
                way = TcpProxy(f"nats://127.0.0.1:{first + other}")
                self._ways[frozenset({number, other})] = await way.__aenter__()
                routes.append(f'"{way.url}"')
            name = f"n{number}"
            self.nodes.append(
                NatsMember(self._directory / name, self._data / name, name, first + number, routes)
            )
        await asyncio.to_thread(start_together, self.nodes)

    async def leader_of(self, queue: str) -> int:
        client = await nats.connect(self.nodes[0].url)
        try:
            leader = None
            while not leader:  # while they choose one, none is named, or nobody answers
                with contextlib.suppress(NatsError, TimeoutError):
                    told = (await client.jetstream().stream_info(queue.replace(".", "_"))).cluster
                    leader = told and told.leader
        finally:
            await client.close()
        return int(leader[1:])

    async def move_leader(self, queue: str) -> None:
        before = await self.leader_of(queue)
        stream = queue.replace(".", "_")
        client = await nats.connect(self.nodes[before].url)
        try:
            for led in (f"CONSUMER.LEADER.STEPDOWN.{stream}.worker", f"STREAM.LEADER.STEPDOWN.{stream}"):
                told = await client.request(f"$JS.API.{led}", timeout=10)
                assert b'"success":true' in told.data, told.data
        finally:
            await client.close()
        while await self.leader_of(queue) == before:
            await asyncio.sleep(0.2)

    async def in_step(self, number: int) -> None:
        client = await nats.connect(self.nodes[number].url)
        try:
            while not await _are_in_step(client):
                await asyncio.sleep(0.2)
        finally:
            await client.close()

    async def cut_off(self, number: int) -> None:
        for pair, way in self._ways.items():
            if number in pair:
                await way.refuse()

    async def heal(self, number: int) -> None:
        for pair, way in self._ways.items():
            if number in pair:
                await way.heal()

    async def close(self) -> None:
        for node in self.nodes:
            await asyncio.to_thread(node.close)
        for way in self._ways.values():
            await way.__aexit__(None, None, None)


async def _are_in_step(client: NatsClient) -> bool:
    """Whether each stream has a leader, and every copy of it is there and current."""
    try:
        streams = await client.jetstream().streams_info()
    except (NatsError, TimeoutError):  # no leader yet
        return False
    clusters = [stream.cluster for stream in streams]
    return all(
        cluster is not None
        and cluster.leader
        and len(cluster.replicas or ()) == SIZE - 1
        and all(copy.current and not copy.offline for copy in cluster.replicas or ())
        for cluster in clusters
    )
