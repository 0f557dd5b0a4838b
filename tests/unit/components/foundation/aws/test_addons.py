"""What runs beside EKS's own add-ons: the autoscaler, and what accelerators need."""

from typing import Any

import pytest

from components import catalog
from components.foundation.aws.addons import autoscaler_values, device_values, metrics_values
from tests.unit.components.foundation.aws import eks

POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
NAMESPACE = "kubernetes:core/v1:Namespace"


def charts(recorded: Any) -> dict[str, Any]:
    return {chart.name: chart for chart in recorded.all(eks.HELM)}


def admits(chart: dict[str, Any], labels: dict[str, str], taints: list[tuple[str, str]]) -> bool:
    """Tells whether a node with those labels and taints takes the pods of a chart, as the scheduler would."""
    (term,) = chart["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert all(wanted["operator"] == "Exists" for wanted in term["matchExpressions"])
    tolerated = [
        any(it.get("operator") == "Exists" and it.get("key") in (None, key) for it in chart["tolerations"])
        for key, _ in taints
    ]
    return all(wanted["key"] in labels for wanted in term["matchExpressions"]) and all(tolerated)


def test_the_autoscaler_runs_with_its_own_rights_on_the_system_pool(run_cluster: Any) -> None:
    recorded = run_cluster()
    chart = charts(recorded)["cluster-autoscaler"].inputs
    assert chart["namespace"] == "colonnade-system"
    values = chart["values"]
    assert values["autoDiscovery"] == {"clusterName": "prod"}
    assert values["awsRegion"] == eks.REGION
    assert values["nodeSelector"] == {"colonnade.io/pool": "system"}
    assert values["rbac"]["serviceAccount"] == {
        "name": "cluster-autoscaler",
        "annotations": {
            "eks.amazonaws.com/role-arn": f"arn:aws:iam::{eks.ACCOUNT}:role/prod-cluster-autoscaler"
        },
    }
    trust = recorded.one(eks.ROLE, "cluster-autoscaler").inputs["assumeRolePolicy"]
    assert "system:serviceaccount:colonnade-system:cluster-autoscaler" in trust


def test_the_autoscaler_alone_reaches_apis(run_cluster: Any) -> None:
    policies = {it.name: it.inputs["spec"] for it in run_cluster().all(POLICY)}
    assert set(policies) == {"colonnade-system", "cluster-autoscaler"}
    assert policies["colonnade-system"]["podSelector"] == {}
    assert policies["cluster-autoscaler"]["podSelector"] == {
        "matchLabels": {"app.kubernetes.io/instance": "cluster-autoscaler"}
    }


def test_accelerators_bring_their_plugin_and_their_figures(run_cluster: Any) -> None:
    assert set(charts(run_cluster())) == {"cluster-autoscaler", "nvidia-device-plugin", "dcgm-exporter"}


def test_without_accelerators_neither_is_there(run_cluster: Any) -> None:
    assert set(charts(run_cluster(pools=[eks.SYSTEM, eks.GENERAL]))) == {"cluster-autoscaler"}


def test_only_the_namespace_of_drivers_is_privileged(run_cluster: Any) -> None:
    labels = run_cluster().one(NAMESPACE).inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"


@pytest.mark.parametrize("chart", [device_values("r/i:v1", eks.POOLS), metrics_values("r/i:v1")])
def test_what_accelerators_need_runs_on_their_nodes_alone(chart: dict[str, Any]) -> None:
    on_spot = [("nvidia.com/gpu", ""), ("example.com/spot", "yes")]
    assert admits(chart, {"k8s.amazonaws.com/accelerator": "nvidia-l4"}, on_spot)
    assert not admits(chart, {"colonnade.io/pool": "general"}, [])


def test_the_device_plugin_tolerates_no_more_than_the_pools_have() -> None:
    chart = device_values("r/i:v1", [eks.SYSTEM, eks.GPU])
    assert chart["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("r.example.com:5000/i:v1", {"repository": "r.example.com:5000/i", "tag": "v1"}),
        # Joined with a colon by the chart, this is the reference again.
        ("r/i@sha256:00", {"repository": "r/i@sha256", "tag": "00"}),
    ],
)
def test_charts_run_the_images_of_the_stack(image: str, expected: dict[str, str]) -> None:
    for chart in (
        autoscaler_values("prod", eks.REGION, {}, image, eks.SYSTEM),
        device_values(image, eks.POOLS),
        metrics_values(image),
    ):
        assert chart["image"] == expected


@pytest.mark.parametrize("part", ["cluster-autoscaler", "nvidia-device-plugin", "dcgm-exporter"])
def test_the_catalog_pins_chart_and_image(run_cluster: Any, part: str) -> None:
    pinned = catalog.part(part)
    assert pinned.chart is not None
    assert pinned.image is not None
    helm = charts(run_cluster())[part].inputs
    assert helm["version"] == pinned.chart.version
    assert helm["repositoryOpts"] == {"repo": pinned.chart.repository}
    image = helm["values"]["image"]
    assert f"{image['repository']}:{image['tag']}" == pinned.image


def test_charts_wait_for_what_they_run_on(run_cluster: Any) -> None:
    recorded = run_cluster()
    groups = {group.urn for group in recorded.all(eks.GROUP)}
    assert len(groups) == len(eks.POOLS)
    for chart in recorded.all("colonnade:index:Chart"):
        assert groups <= set(chart.dependencies)
