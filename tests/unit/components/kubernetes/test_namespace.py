"""What a namespace sends over the wire."""

from typing import Any

import pytest

from components.base import ArgsError
from components.kubernetes.namespace import Namespace, NamespaceArgs


@pytest.mark.parametrize("args", [NamespaceArgs(), {}])
def test_it_refuses_unhardened_pods_and_unknown_connections(run_program: Any, args: Any) -> None:
    recorded = run_program(lambda: Namespace("colonnade-data", args))
    metadata = recorded.one("kubernetes:core/v1:Namespace").inputs["metadata"]
    assert metadata["name"] == "colonnade-data"
    security = {key: value for key, value in metadata["labels"].items() if key.startswith("pod-security")}
    assert security == {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/audit": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    }
    policy = recorded.one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs
    assert policy["metadata"]["name"] == "default-deny"
    assert policy["metadata"]["namespace"] == "colonnade-data"
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert recorded.value(recorded.result.namespace) == "colonnade-data"


def test_children_belong_to_the_component(run_program: Any) -> None:
    recorded = run_program(lambda: Namespace("it", NamespaceArgs("baseline", {"team": "ml"})))
    component = recorded.one("colonnade:index:Namespace")
    created = recorded.one("kubernetes:core/v1:Namespace")
    assert created.parent == component.urn
    assert created.inputs["metadata"]["labels"]["team"] == "ml"
    assert created.inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"


def test_further_labels_cannot_weaken_the_level(run_program: Any) -> None:
    args = NamespaceArgs(labels={"pod-security.kubernetes.io/enforce": "privileged"})
    recorded = run_program(lambda: Namespace("it", args))
    labels = recorded.one("kubernetes:core/v1:Namespace").inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_level_that_does_not_exist_is_refused(run_program: Any) -> None:
    with pytest.raises(ArgsError, match="'strict' is unknown; give one of restricted"):
        run_program(lambda: Namespace("it", NamespaceArgs("strict")))
