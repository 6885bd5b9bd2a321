"""deploy/kubernetes/components: what a site may add does what it says, with the code that it is for."""

import ssl
from pathlib import Path

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # ships no types

from bridge.console.serving import check, console
from bridge.engine.mllp.starting import check_listener, check_sender
from bridge.ledger.keys import create_ring
from bridge.operations.installation import certificates
from bridge.settings import Settings
from bridge.traces.variables import trace_faults, traces_are_on
from tests.contract.deploy.kubernetes_files import (
    FOLDER,
    Resource,
    of_kind,
    pods,
    secrets_of_guide,
    selects,
    settings,
)
from tests.contract.deploy.test_guide import defaults
from tests.support.certificates import Authority
from tests.support.ports import free_port

CLAIMS = "overlays/rabbitmq+claims"
CONSOLES = ("overlays/rabbitmq+console", "overlays/nats+console")
TRACES = "overlays/nats+traces"


def ways(folder: str, labels: dict[str, str], direction: str) -> dict[str, list[int | str]]:
    """Which ports each policy opens for a pod with these labels."""
    found = {}
    for name, one in of_kind(folder, "NetworkPolicy").items():
        rules = one["spec"].get(direction, [])
        if rules and selects(one["spec"]["podSelector"], labels):
            peers = [rule.get("to", []) + rule.get("from", []) for rule in rules]
            assert all(peers)  # none would be everybody
            found[name] = [port["port"] for rule in rules for port in rule["ports"]]
    return found


def container_of(folder: str, name: str) -> Resource:
    (container,) = pods(folder)[name]["containers"]
    return dict(container)


def test_the_component_for_claims_serves_them():
    given = settings(CLAIMS)
    assert set(given) <= set(defaults())
    worker = container_of(CLAIMS, "bridge-worker")
    ports = {port["name"]: port["containerPort"] for port in worker["ports"]}
    assert ports == {"claims": int(given["BRIDGE_CLAIMS_PORT"]), "health": 8080}
    mounts = [mount["mountPath"] for mount in worker["volumeMounts"]]
    files = [
        value for name, value in given.items() if name.startswith("BRIDGE_CLAIMS") and name.endswith("_FILE")
    ]
    assert len(files) == 3
    assert all(str(Path(file).parent) in mounts for file in files)
    policy = of_kind(CLAIMS, "NetworkPolicy")["bridge-from-consumers"]["spec"]
    assert [port["port"] for rule in policy["ingress"] for port in rule["ports"]] == ["claims"]
    service = of_kind(CLAIMS, "Service")["bridge-claims"]["spec"]
    assert [port["targetPort"] for port in service["ports"]] == ["claims"]


@pytest.fixture
def console_environment(tmp_path: Path) -> dict[str, str]:
    """What the console's pod has: its variables, and the files of its Secrets that are mounted there."""
    pod = pods(CONSOLES[0])["bridge-console"]
    given = settings(CONSOLES[0]) | settings(CONSOLES[0], "bridge-console")
    authority = Authority(tmp_path)
    issued = authority.issue("console", hosts=("127.0.0.1",))
    texts = {
        "tls.crt": issued.cert_file.read_bytes(),
        "tls.key": issued.key_file.read_bytes(),
        "spine-ca.pem": authority.ca_file.read_bytes(),
        "spine-cert.pem": issued.cert_file.read_bytes(),
    }
    for mount in pod["containers"][0]["volumeMounts"]:
        volume = next(one for one in pod["volumes"] if one["name"] == mount["name"])
        if "secret" not in volume:
            continue
        folder = tmp_path / volume["name"]
        folder.mkdir()
        named = [item["key"] for item in volume["secret"].get("items", [])]
        for key in named or secrets_of_guide()[volume["secret"]["secretName"]]:
            if key.endswith(".keys"):
                create_ring(folder / key)
            else:
                (folder / key).write_bytes(texts.get(key, b"given by the platform"))
        given = {name: value.replace(mount["mountPath"], str(folder)) for name, value in given.items()}
    return given | {
        "BRIDGE_BUS_URL": f"amqps://bridge:3f9c@127.0.0.1:{free_port()}/",
        "BRIDGE_LEDGER_URL": f"postgresql://bridge:3f9c@127.0.0.1:{free_port()}/ledger",
        "BRIDGE_STATE_DIR": str(tmp_path / "state"),
    }


def test_the_console_may_start_with_what_its_pod_has(console_environment: dict[str, str]):
    found = Settings.load(check=check, environ=console_environment)
    assert set(console_environment) <= set(defaults())
    # It shows until when these hold: its own, and two of Spine's, to which it holds no key.
    assert len(certificates(found)) == 3
    for file in (found.spine.key_file, found.pds.key_file, found.sds.api_key_file):
        assert file is not None
        assert not file.exists()


async def test_the_console_answers_its_probes_while_all_else_is_away(
    console_environment: dict[str, str],
):
    port = free_port()
    own = {"BRIDGE_CONSOLE_HOST": "127.0.0.1", "BRIDGE_CONSOLE_PORT": str(port)}
    container = container_of(CONSOLES[0], "bridge-console")
    loaded = Settings.load(check=check, environ=console_environment | own)
    trusted = ssl.create_default_context(cafile=loaded.spine.ca_file)
    async with console(loaded), httpx.AsyncClient(verify=trusted, trust_env=False) as kubelet:
        for name in ("startup", "liveness", "readiness"):
            probe = container[f"{name}Probe"]["httpGet"]
            url = f"{probe['scheme'].lower()}://127.0.0.1:{port}{probe['path']}"
            headers = {header["name"]: header["value"] for header in probe["httpHeaders"]}
            assert (await kubelet.get(url, headers=headers)).status_code == 200
            assert (await kubelet.get(url)).status_code == 421  # the Host is not for show
            assert probe["port"] == "console"


@pytest.mark.parametrize("folder", CONSOLES)
def test_the_console_is_one_process_of_the_workers_version(folder: str):
    spec = of_kind(folder, "Deployment")["bridge-console"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    container = container_of(folder, "bridge-console")
    assert container["args"] == ["console"]
    assert container["image"] == container_of(folder, "bridge-worker")["image"]
    (port,) = container["ports"]
    given = settings(folder, "bridge-console")
    assert (port["name"], str(port["containerPort"])) == ("console", given["BRIDGE_CONSOLE_PORT"])
    labels = spec["template"]["metadata"]["labels"]
    service = of_kind(folder, "Service")["bridge-console"]["spec"]
    assert service["selector"].items() <= labels.items()
    assert [one["targetPort"] for one in service["ports"]] == ["console"]
    (switch,) = [one for one in pods(folder)["bridge-console"]["volumes"] if one["name"] == "switch"]
    assert switch in pods(folder)["bridge-worker"]["volumes"]


@pytest.mark.parametrize(("folder", "broker"), [(CONSOLES[0], 5671), (CONSOLES[1], 4222)])
def test_the_console_reaches_ledger_broker_and_provider_alone(folder: str, broker: int):
    labels = of_kind(folder, "Deployment")["bridge-console"]["spec"]["template"]["metadata"]["labels"]
    assert ways(folder, labels, "egress") == {
        "bridge-nothing-else": [53, 53],
        "bridge-to-ledger": [5432],
        "bridge-to-broker": [broker],
        "bridge-to-sign-in": [443],
    }
    assert ways(folder, labels, "ingress") == {"bridge-from-browsers": ["console"]}
    (rule,) = of_kind(folder, "NetworkPolicy")["bridge-from-browsers"]["spec"]["ingress"]
    assert all({"namespaceSelector", "podSelector"} <= set(peer) for peer in rule["from"])
    worker = of_kind(folder, "Deployment")["bridge-worker"]["spec"]["template"]["metadata"]["labels"]
    assert "bridge-to-sign-in" not in ways(folder, worker, "egress")
    assert "bridge-from-browsers" not in ways(folder, worker, "ingress")


@pytest.mark.parametrize("folder", ["overlays/rabbitmq", "overlays/nats"])
def test_prometheus_gets_the_rules_that_are_tried(folder: str):
    rules = yaml.safe_load((FOLDER.parent / "observability/rules.yaml").read_text())
    assert of_kind(folder, "PrometheusRule")["bridge"]["spec"] == rules


def test_the_component_for_traces_switches_them_on_and_opens_the_way():
    given = settings(TRACES)
    assert traces_are_on(given)
    assert trace_faults(sandbox=False, environ=given) == []
    endpoint = httpx.URL(given["OTEL_EXPORTER_OTLP_ENDPOINT"])
    labels = of_kind(TRACES, "Deployment")["bridge-worker"]["spec"]["template"]["metadata"]["labels"]
    assert ways(TRACES, labels, "egress")["bridge-to-collector"] == [endpoint.port]
    ((peer,),) = [
        rule["to"] for rule in of_kind(TRACES, "NetworkPolicy")["bridge-to-collector"]["spec"]["egress"]
    ]
    namespace = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    assert endpoint.host.split(".")[1:] == [namespace, "svc", "cluster", "local"]
    assert not traces_are_on(settings("overlays/nats"))


MLLP = ("overlays/rabbitmq+mllp", "overlays/nats+mllp")
BOTH_WAYS = {"bridge-mllp-send": check_sender, "bridge-mllp-listen": check_listener}


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_each_side_of_mllp_may_start_with_what_its_pod_has(name: str, tmp_path: Path):
    pod = pods(MLLP[0])[name]
    given = settings(MLLP[0]) | settings(MLLP[0], "bridge-mllp")
    assert set(given) <= set(defaults())
    for mount in pod["containers"][0]["volumeMounts"]:
        volume = next(one for one in pod["volumes"] if one["name"] == mount["name"])
        if "secret" not in volume:
            continue
        folder = tmp_path / volume["name"]
        folder.mkdir()
        for item in volume["secret"]["items"]:
            if item["key"].endswith(".keys"):
                create_ring(folder / item["path"])
            else:
                (folder / item["path"]).write_text("given by the platform")
        given = {key: value.replace(mount["mountPath"], str(folder)) for key, value in given.items()}
    variables = {one["name"] for one in pod["containers"][0]["env"]}
    addresses = {"BRIDGE_BUS_URL": "amqps://bridge:3f9c@broker.example/"} | (
        {"BRIDGE_LEDGER_URL": "postgresql://ledger.example/l"} if "BRIDGE_LEDGER_URL" in variables else {}
    )
    found = Settings.load(check=BOTH_WAYS[name], environ=given | addresses)
    for file in (found.spine.key_file, found.pds.key_file, found.sds.api_key_file):
        assert file is not None
        assert not file.exists()


@pytest.mark.parametrize(("folder", "broker"), [(MLLP[0], 5671), (MLLP[1], 4222)])
def test_each_side_of_mllp_reaches_and_is_reached_by_whom_it_needs(folder: str, broker: int):
    labels = {
        name: of_kind(folder, "Deployment")[name]["spec"]["template"]["metadata"]["labels"]
        for name in BOTH_WAYS
    }
    common = {"bridge-nothing-else": [53, 53], "bridge-to-ledger": [5432], "bridge-to-broker": [broker]}
    peer = int(settings(folder)["BRIDGE_MLLP_PEER"].rpartition(":")[2])
    assert ways(folder, labels["bridge-mllp-send"], "egress") == common | {
        "bridge-to-interface-engine": [peer]
    }
    assert ways(folder, labels["bridge-mllp-listen"], "egress") == common
    watched = {"bridge-mllp-from-prometheus": ["health"]}
    assert ways(folder, labels["bridge-mllp-send"], "ingress") == watched
    assert ways(folder, labels["bridge-mllp-listen"], "ingress") == watched | {
        "bridge-from-interface-engine": ["mllp"]
    }
    spec = of_kind(folder, "Deployment")["bridge-mllp-send"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    for name in BOTH_WAYS:
        assert container_of(folder, name)["image"] == container_of(folder, "bridge-worker")["image"]
    ports = {one["name"]: one["containerPort"] for one in container_of(folder, "bridge-mllp-listen")["ports"]}
    assert str(ports["mllp"]) == settings(folder, "bridge-mllp")["BRIDGE_LISTENER_PORT"]
    service = of_kind(folder, "Service")["bridge-mllp"]["spec"]
    assert service["selector"].items() <= labels["bridge-mllp-listen"].items()
