"""deploy/kubernetes as kubectl makes it out: what belongs together does, and pods get no more than they need."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.components import needs, program
from support.deployed import DEPLOY
from support.metrics_table import rows

from gateway.config.blocks import Limits

pytestmark = needs("kubectl")
Objects = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def objects() -> Objects:
    return made_out(DEPLOY / "kubernetes")


def made_out(directory: Path) -> Objects:
    """All objects by kind; Services by kind and name."""
    made = subprocess.run(
        [program("kubectl"), "kustomize", directory], check=True, capture_output=True, text=True, timeout=60
    )
    assert not made.stderr, "nothing that kustomize would rather not see"
    found = {}
    for one in yaml.safe_load_all(made.stdout):
        kind = one["kind"]
        found[f"{kind} {one['metadata']['name']}" if kind == "Service" else kind] = one
    return found


@pytest.fixture
def pod(objects: Objects) -> dict[str, Any]:
    spec: dict[str, Any] = objects["Deployment"]["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["containers"]
    return dict(only)


def test_everything_is_there_and_in_one_namespace(objects: Objects):
    wanted = {
        *("Namespace", "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"),
        *("ServiceMonitor", "Service vnc-gateway", "Service vnc-gateway-admin"),
    }
    assert set(objects) == wanted
    namespaces = {one["metadata"].get("namespace") for kind, one in objects.items() if kind != "Namespace"}
    assert namespaces == {objects["Namespace"]["metadata"]["name"]}


def test_pods_are_found_by_whoever_means_them(objects: Objects):
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    selectors = [
        objects["Deployment"]["spec"]["selector"]["matchLabels"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        objects["Service vnc-gateway"]["spec"]["selector"],
        objects["Service vnc-gateway-admin"]["spec"]["selector"],
    ]
    for selector in selectors:
        assert selector.items() <= labels
    scaled = objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (scaled["kind"], scaled["name"]) == ("Deployment", objects["Deployment"]["metadata"]["name"])


def test_ports_have_names_that_exist(objects: Objects, container: dict[str, Any]):
    ports = {port["name"] for port in container["ports"]}
    used = {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert used == {"metrics"}
    for service in ("Service vnc-gateway", "Service vnc-gateway-admin"):
        assert {port["targetPort"] for port in objects[service]["spec"]["ports"]} <= ports
    policy = objects["NetworkPolicy"]["spec"]["ingress"]
    assert {port["port"] for rule in policy for port in rule["ports"]} == ports, "each port has its own callers"


def test_prometheus_finds_the_metrics_port(objects: Objects):
    monitor, service = objects["ServiceMonitor"]["spec"], objects["Service vnc-gateway-admin"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert (
        not monitor["selector"]["matchLabels"].items() <= objects["Service vnc-gateway"]["metadata"]["labels"].items()
    )
    assert {endpoint["port"] for endpoint in monitor["endpoints"]} == {"metrics"}
    assert "metrics" in {port["name"] for port in service["spec"]["ports"]}


def test_a_pod_can_do_no_more_than_it_needs(objects: Objects, pod: dict[str, Any], container: dict[str, Any]):
    assert objects["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod["enableServiceLinks"] is False
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_configuration_is_mounted_where_it_is_read(
    objects: Objects, pod: dict[str, Any], container: dict[str, Any]
):
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    name = mounts["/etc/vnc-gateway"]["configMap"]["name"]
    assert name == objects["ConfigMap"]["metadata"]["name"]
    assert re.fullmatch(r"vnc-gateway-\w{10}", name), "an edited configuration is rolled out"
    (file,) = objects["ConfigMap"]["data"]
    assert container["args"] == ["serve", "--config", f"/etc/vnc-gateway/{file}"]
    for secret in re.findall(r'_file = "(.*)/', objects["ConfigMap"]["data"][file]):
        assert "secret" in mounts[secret]


def test_endpoints_leave_before_sessions_do(objects: Objects, container: dict[str, Any]):
    probe = container["readinessProbe"]
    assert probe["httpGet"]["path"] == "/readyz"
    assert probe["periodSeconds"] * probe["failureThreshold"] < Limits().drain_delay
    assert objects["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert objects["HorizontalPodAutoscaler"]["spec"]["minReplicas"] >= 2
    assert objects["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1


def test_the_lines_that_scale_by_sessions_are_good_once_they_are_no_comment(tmp_path: Path):
    directory = shutil.copytree(DEPLOY / "kubernetes", tmp_path / "kubernetes")
    hpa = directory / "hpa.yaml"
    hpa.write_text(re.sub(r"(?m)^    # (- type: Pods|  )", r"    \1", hpa.read_text()))
    cpu, sessions = made_out(directory)["HorizontalPodAutoscaler"]["spec"]["metrics"]
    assert cpu["resource"]["name"] == "cpu"
    assert sessions["type"] == "Pods"
    assert "vnc_gateway_sessions" in {row.name for row in rows()}
    assert sessions["pods"]["metric"] == {"name": "vnc_gateway_sessions"}
    assert sessions["pods"]["target"] == {"type": "AverageValue", "averageValue": str(round(0.7 * Limits().sessions))}
