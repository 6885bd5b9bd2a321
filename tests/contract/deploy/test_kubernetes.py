"""deploy/kubernetes: what it renders to is valid, is no more than the bridge needs, and is true to the code.

Nothing is applied, nothing is started: some seconds in all.
"""

import json
import re
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]  # ships no types
import pytest
from typer.testing import CliRunner

from bridge.bus.nats.streams import CONSUMER, stream_of
from bridge.cli.app import app
from bridge.cli.exits import Exit
from bridge.engine.worker import check
from bridge.errors import Misconfigured
from bridge.ledger.keys import create_ring
from bridge.pipelines.installed import installed_pipelines
from bridge.settings import Settings
from tests.contract.deploy.kubernetes_files import (
    FOLDER,
    ROOT,
    VERSION,
    of_kind,
    pods,
    rendered,
    secrets_of_guide,
    selects,
    settings,
)
from tests.contract.deploy.test_guide import defaults
from tests.contract.deploy.test_image import last
from tests.release.version import DECLARED

OVERLAYS = ("overlays/rabbitmq", "overlays/nats")
WHOLE = "overlays/rabbitmq+claims+console+mllp+traces"
FOLDERS = (*OVERLAYS, WHOLE, "migration")
CUSTOM = {
    "ServiceMonitor": ("monitoring.coreos.com/v1", {"selector", "endpoints"}),
    "PrometheusRule": ("monitoring.coreos.com/v1", {"groups"}),
    "TriggerAuthentication": ("keda.sh/v1alpha1", {"secretTargetRef"}),
    "ScaledObject": (
        "keda.sh/v1alpha1",
        {
            "scaleTargetRef",
            "minReplicaCount",
            "maxReplicaCount",
            "pollingInterval",
            "cooldownPeriod",
            "fallback",
            "advanced",
            "triggers",
        },
    ),
}
"""Kinds of others, with what we use of them: Kubernetes has no schema of these."""


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_resource_is_valid(folder: str):
    for one in rendered(folder):
        if one["kind"] in CUSTOM:
            version, fields = CUSTOM[one["kind"]]
            assert one["apiVersion"] == version
            assert set(one["spec"]) <= fields
        else:
            kubernetes_validate.validate(one, VERSION, strict=True)


def test_a_misspelt_field_would_be_found():
    wrong = of_kind("overlays/nats", "Deployment")["bridge-worker"]
    wrong["spec"]["template"]["spec"]["terminationGracePeriod"] = 75
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_the_namespace_lets_no_pod_have_more_rights():
    text = (FOLDER / "namespace.yaml").read_text()
    assert "pod-security.kubernetes.io/enforce: restricted" in text
    names = {one["metadata"]["namespace"] for folder in FOLDERS for one in rendered(folder)}
    assert names == {"gpconnect-bridge"}
    assert "name: gpconnect-bridge" in text


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_pod_has_what_it_needs_and_no_more(folder: str):
    assert pods(folder)
    for pod in pods(folder).values():
        assert pod["automountServiceAccountToken"] is False
        context = pod["securityContext"]
        user, group = map(int, last("USER").split(":"))
        assert (context["runAsUser"], context["runAsGroup"]) == (user, group)
        assert context["runAsNonRoot"] is True
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"memory", "ephemeral-storage"} <= set(container["resources"]["limits"])
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            for mount in container["volumeMounts"]:
                volume = next(one for one in pod["volumes"] if one["name"] == mount["name"])
                # What may be written to is forgotten with the pod, and bounded.
                assert mount.get("readOnly") or volume["emptyDir"]["sizeLimit"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_variable_of_the_clusters_own_is_taken_for_a_setting(folder: str):
    assert [name for name, pod in pods(folder).items() if pod["enableServiceLinks"] is not False] == []
    with pytest.raises(Misconfigured):  # what a service named bridge-claims would come to
        Settings.load(environ={"BRIDGE_CLAIMS_PORT": "tcp://10.0.0.1:443"})


def test_the_image_is_of_this_version():
    images = {
        container["image"]
        for folder in FOLDERS
        for pod in pods(folder).values()
        for container in pod["containers"]
    }
    assert images == {f"registry.example/gpconnect-bridge:{DECLARED}"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_command_is_one(folder: str):
    assert last("ENTRYPOINT") == '["bridge"]'
    for pod in pods(folder).values():
        for container in pod["containers"]:
            asked = CliRunner().invoke(app, [*container["args"], "--help"])
            assert asked.exit_code == 0, container["args"]


@pytest.mark.parametrize("folder", OVERLAYS)
def test_a_worker_gets_longer_to_stop_than_it_asks_for(folder: str):
    worker = pods(folder)["bridge-worker"]
    pause = worker["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = float(settings(folder).get("BRIDGE_STOP_GRACE", Settings.model_fields["stop_grace"].default))
    assert worker["terminationGracePeriodSeconds"] > pause + grace


@pytest.mark.parametrize("folder", OVERLAYS)
def test_probes_ask_what_a_worker_answers(folder: str):
    (container,) = pods(folder)["bridge-worker"]["containers"]
    served = (ROOT / "bridge/engine/http/health.py").read_text()
    for probe, path in (("startup", "/livez"), ("liveness", "/livez"), ("readiness", "/readyz")):
        assert container[f"{probe}Probe"]["httpGet"] == {"path": path, "port": "health"}
        assert f'"{path}"' in served
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"health": int(settings(folder)["BRIDGE_HEALTH_PORT"])}
    assert settings(folder)["BRIDGE_HEALTH_HOST"] == "0.0.0.0"


@pytest.mark.parametrize("folder", OVERLAYS)
def test_every_variable_is_a_setting(folder: str):
    given = set(settings(folder))
    for pod in pods(folder).values():
        given |= {one["name"] for container in pod["containers"] for one in container["env"]}
    assert given - set(defaults()) == set()


@pytest.mark.parametrize("folder", OVERLAYS)
def test_a_worker_may_start_with_them(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in defaults():
        monkeypatch.delenv(name, raising=False)
    for key in secrets_of_guide()["bridge-files"]:
        file = tmp_path / key
        if key.endswith(".keys"):
            create_ring(file)
        else:
            file.write_text("given by the platform")
    mount = "/run/secrets/bridge"
    given = {name: value.replace(mount, str(tmp_path)) for name, value in settings(folder).items()}
    of_secrets = {
        "BRIDGE_BUS_URL": "amqps://bridge:3f9c@broker.example/",
        "BRIDGE_LEDGER_URL": "postgresql://ledger.example/l",
    }
    Settings.load(check=check, environ=given | of_secrets)


@pytest.mark.parametrize("folder", FOLDERS)
def test_secrets_are_named_and_the_guide_says_how_to_make_each(folder: str):
    made = secrets_of_guide()
    for pod in pods(folder).values():
        for volume in pod["volumes"]:
            if "secret" in volume:
                keys = made[volume["secret"]["secretName"]]
                assert {item["key"] for item in volume["secret"].get("items", [])} <= set(keys)
                assert volume["secret"]["defaultMode"] == 0o440  # nobody but the pod's group
        for container in pod["containers"]:
            for one in container["env"]:
                secret = one["valueFrom"]["secretKeyRef"]
                assert secret["key"] in made[secret["name"]]
    assert not [one for one in rendered(folder) if one["kind"] == "Secret"]
    assert not re.search(r"://[^/\s:]+:[^@\s…]+@", json.dumps(rendered(folder)))


@pytest.mark.parametrize("folder", OVERLAYS)
def test_all_workers_together_ask_pds_for_no_more_than_it_allows(folder: str):
    scaled = of_kind(folder, "ScaledObject")["bridge-worker"]["spec"]
    worker = of_kind(folder, "Deployment")["bridge-worker"]["spec"]
    rate = float(settings(folder)["BRIDGE_PDS_RATE_PER_SECOND"])
    allowed = float(defaults()["BRIDGE_PDS_RATE_PER_SECOND"].strip("`"))
    assert scaled["maxReplicaCount"] * rate <= allowed
    assert scaled["minReplicaCount"] >= 2
    assert worker["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert "replicas" not in worker  # else it would be set back whenever the files are applied


def test_it_scales_by_the_queues_of_every_pipeline():
    queues = [
        pipeline.queue(Settings.model_fields["bus"].default.prefix).name for pipeline in installed_pipelines()
    ]
    concurrency = str(Settings.model_fields["bus"].default.concurrency)
    rabbit, nats = (
        of_kind(folder, "ScaledObject")["bridge-worker"]["spec"]["triggers"] for folder in OVERLAYS
    )
    assert sorted(one["metadata"]["queueName"] for one in rabbit) == sorted(queues)
    assert {one["metadata"]["value"] for one in rabbit} == {concurrency}
    assert {one["type"] for one in rabbit} == {"rabbitmq"}
    assert sorted(one["metadata"]["stream"] for one in nats) == sorted(map(stream_of, queues))
    assert {(one["metadata"]["consumer"], one["metadata"]["lagThreshold"]) for one in nats} == {
        (CONSUMER, concurrency)
    }
    login = of_kind("overlays/rabbitmq", "TriggerAuthentication")["bridge-broker"]["spec"]
    assert {one["authenticationRef"]["name"] for one in rabbit} == {"bridge-broker"}
    assert login["secretTargetRef"] == [{"parameter": "host", "name": "bridge-urls", "key": "bus"}]


@pytest.mark.parametrize(("folder", "broker"), [("overlays/rabbitmq", 5671), ("overlays/nats", 4222)])
def test_a_pod_reaches_and_is_reached_by_nobody_else(folder: str, broker: int):
    policies = of_kind(folder, "NetworkPolicy")
    everything = policies.pop("bridge-nothing-else")["spec"]
    assert (everything["podSelector"], everything["policyTypes"]) == ({}, ["Ingress", "Egress"])
    assert "ingress" not in everything
    ways = {
        name: [
            port["port"]
            for rule in one["spec"].get("egress", []) + one["spec"].get("ingress", [])
            for port in rule["ports"]
        ]
        for name, one in policies.items()
    }
    assert ways == {
        "bridge-to-ledger": [5432],
        "bridge-to-nhs": [443],
        "bridge-to-broker": [broker],
        "bridge-from-prometheus": ["health"],
    }
    assert [port["port"] for rule in everything["egress"] for port in rule["ports"]] == [53, 53]
    for one in policies.values():
        for rule in one["spec"].get("egress", []) + one["spec"].get("ingress", []):
            peers = rule.get("to", []) + rule.get("from", [])
            assert peers  # none would be everybody
            assert not any(peer.get("ipBlock", {}).get("cidr", "").endswith("/0") for peer in peers)
    selected = {name: one["spec"]["podSelector"] for name, one in policies.items()}
    labels = of_kind(folder, "Deployment")["bridge-worker"]["spec"]["template"]["metadata"]["labels"]
    assert all(selects(chosen, labels) for chosen in selected.values())


@pytest.mark.parametrize("folder", OVERLAYS)
def test_what_selects_workers_finds_them(folder: str):
    worker = of_kind(folder, "Deployment")["bridge-worker"]["spec"]
    labels = worker["template"]["metadata"]["labels"].items()
    service = of_kind(folder, "Service")["bridge-worker"]
    budget = of_kind(folder, "PodDisruptionBudget")["bridge-worker"]["spec"]
    monitor = of_kind(folder, "ServiceMonitor")["bridge-worker"]["spec"]
    assert worker["selector"]["matchLabels"].items() <= labels
    assert service["spec"]["selector"].items() <= labels
    assert budget["selector"]["matchLabels"].items() <= labels
    assert budget["maxUnavailable"] == 1
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [one["port"] for one in monitor["endpoints"]] == [one["name"] for one in service["spec"]["ports"]]


@pytest.mark.parametrize(
    ("folder", "kind", "name"),
    [("overlays/rabbitmq", "CronJob", "bridge-retention"), ("migration", "Job", "bridge-migration")],
)
def test_a_job_that_is_misconfigured_is_not_tried_again(folder: str, kind: str, name: str):
    spec = of_kind(folder, kind)[name]["spec"]
    job = spec["jobTemplate"]["spec"] if kind == "CronJob" else spec
    (rule,) = job["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"]["values"] == [Exit.UNREADABLE, Exit.MISCONFIGURED]
    if kind == "CronJob":
        assert spec["concurrencyPolicy"] == "Forbid"


def test_the_switch_that_the_guide_names_is_the_settings():
    guide = (FOLDER / "README.md").read_text()
    file = Path(settings("overlays/nats")["BRIDGE_RETRY_SWITCH_FILE"])
    worker = pods("overlays/nats")["bridge-worker"]
    mount = next(
        one for one in worker["containers"][0]["volumeMounts"] if one["mountPath"] == str(file.parent)
    )
    volume = next(one for one in worker["volumes"] if one["name"] == mount["name"])["configMap"]
    assert volume["optional"] is True
    assert f"create configmap {volume['name']} --from-literal={file.name}=`" in guide
