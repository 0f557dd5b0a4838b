"""What a workload sends over the wire."""

import base64
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from components.base import ArgsError
from components.foundation.contract import Identity, Peer
from components.kubernetes.workload import Probe, Volume, Workload, WorkloadArgs, pods_of

SENTINEL = "sentinel-5f1c"  # case 5
IMAGE = "registry.example.com/app@sha256:" + "0" * 64


def arguments(**changed: Any) -> WorkloadArgs:
    given: dict[str, Any] = {
        "namespace": "data",
        "image": IMAGE,
        "ports": {"http": 8000},
        "probe": Probe(8000, "/healthz"),
    }
    return WorkloadArgs(**{**given, **changed})


def pod(recorded: Any, kind: str = "Deployment") -> dict[str, Any]:
    spec: dict[str, Any] = recorded.one(f"kubernetes:apps/v1:{kind}").inputs["spec"]["template"]["spec"]
    return spec


def annotations(recorded: Any) -> dict[str, str]:
    template = recorded.one("kubernetes:apps/v1:Deployment").inputs["spec"]["template"]
    found: dict[str, str] = template["metadata"].get("annotations", {})
    return found


def test_pods_pass_restricted_pod_security(run_program: Any) -> None:
    recorded = run_program(lambda: Workload("app", arguments()))
    spec = pod(recorded)
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = spec["containers"][0]
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"] == {
        "requests": {"cpu": "50m", "memory": "256Mi"},
        "limits": {"memory": "256Mi"},
    }
    assert spec["enableServiceLinks"] is False


def test_every_object_has_its_explicit_name_and_namespace(run_program: Any) -> None:
    args = arguments(
        volume=Volume("/data", "1Gi"), files={"/etc/a": "b"}, secret_environment={"A": "b"}, replicas=2
    )
    recorded = run_program(lambda: Workload("app", args))
    metadata = {r.type + " " + r.name: r.inputs["metadata"] for r in recorded.resources if r.custom}
    assert len(metadata) == 8
    for where, found in metadata.items():
        assert found["namespace"] == "data", where
        assert found["name"] == ("app-headless" if "headless" in where else "app"), where
        assert found["labels"]["app.kubernetes.io/name"] == "app", where


def test_children_have_the_component_as_parent_and_the_explicit_provider(run_program: Any) -> None:
    def program() -> Workload:
        provider = kubernetes.Provider("cluster", kubeconfig="{}")
        return Workload("app", arguments(), pulumi.ResourceOptions(provider=provider))

    recorded = run_program(program)
    component = recorded.one("colonnade:index:Workload")
    provider = recorded.one("pulumi:providers:kubernetes")
    children = [r for r in recorded.resources if r.type.startswith("kubernetes:")]
    assert len(children) == 5
    assert {r.parent for r in children} == {component.urn}
    assert {r.provider for r in children} == {f"{provider.urn}::cluster-id"}


@pytest.mark.parametrize("api", [False, True])
def test_the_token_comes_only_when_asked_for(run_program: Any, api: bool) -> None:
    recorded = run_program(lambda: Workload("app", arguments(kubernetes_api=api)))
    assert pod(recorded)["automountServiceAccountToken"] is api
    account = recorded.one("kubernetes:core/v1:ServiceAccount")
    assert account.inputs["automountServiceAccountToken"] is api
    assert pod(recorded)["serviceAccountName"] == "app"
    egress = recorded.one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]["egress"]
    ports = {port["port"] for rule in egress for port in rule.get("ports", [])}
    assert ({443, 6443} <= ports) is api


def test_workload_identity_reaches_account_and_pods(run_program: Any) -> None:
    identity = Identity({"eks.amazonaws.com/role-arn": "arn:x"}, {"azure.workload.identity/use": "true"})
    recorded = run_program(lambda: Workload("app", arguments(identity=identity)))
    account = recorded.one("kubernetes:core/v1:ServiceAccount").inputs["metadata"]
    assert account["annotations"] == {"eks.amazonaws.com/role-arn": "arn:x"}
    template = recorded.one("kubernetes:apps/v1:Deployment").inputs["spec"]["template"]["metadata"]
    assert template["labels"]["azure.workload.identity/use"] == "true"
    selector = recorded.one("kubernetes:apps/v1:Deployment").inputs["spec"]["selector"]["matchLabels"]
    assert selector == {"app.kubernetes.io/name": "app"}


def test_the_policy_admits_callers_and_callees_and_nothing_else(run_program: Any) -> None:
    args = arguments(
        callers=[Peer("edge", {"a": "b"})],
        callees=[(pods_of("db", "data"), 5432)],
        open_egress=[("10.0.0.0/8", 443)],
    )
    recorded = run_program(lambda: Workload("app", args))
    spec = recorded.one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]
    assert spec["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "app"}}
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    edge = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "edge"}},
        "podSelector": {"matchLabels": {"a": "b"}},
    }
    assert spec["ingress"] == [{"from": [edge], "ports": [{"protocol": "TCP", "port": 8000}]}]
    dns, node_local, database, cloud = spec["egress"]
    kube_system = {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}
    kube_dns = {"matchLabels": {"k8s-app": "kube-dns"}}
    assert dns == {"to": [{"namespaceSelector": kube_system, "podSelector": kube_dns}]}
    assert node_local["to"] == [{"ipBlock": {"cidr": "169.254.20.10/32"}}]
    assert node_local["ports"] == [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    assert database["to"][0]["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "db"}}
    assert database["ports"] == [{"protocol": "TCP", "port": 5432}]
    assert cloud == {
        "to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
        "ports": [{"protocol": "TCP", "port": 443}],
    }


def test_without_callers_nobody_gets_in(run_program: Any) -> None:
    recorded = run_program(lambda: Workload("app", arguments()))
    assert recorded.one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]["ingress"] == []


def test_pods_start_after_the_policy_stands(run_program: Any) -> None:
    recorded = run_program(lambda: Workload("app", arguments()))
    policy = recorded.one("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    assert policy.urn in recorded.one("kubernetes:apps/v1:Deployment").dependencies


def test_secrets_travel_only_as_secrets(run_program: Any) -> None:
    args = arguments(
        secret_environment={"PASSWORD": SENTINEL}, secret_files={"/etc/app/key": SENTINEL + "-key"}
    )
    recorded = run_program(lambda: Workload("app", args))
    secret = recorded.one("kubernetes:core/v1:Secret")
    assert secret.secrets == {"data"}
    decoded = {base64.b64decode(value).decode() for value in secret.inputs["data"].values()}
    assert decoded == {SENTINEL, SENTINEL + "-key"}
    encoded = base64.b64encode(SENTINEL.encode()).decode()[:12]
    for resource in recorded.resources:
        if resource is not secret:
            assert SENTINEL not in str(resource), resource.urn
            assert encoded not in str(resource), resource.urn
    variable = pod(recorded)["containers"][0]["env"][0]
    assert variable == {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "app", "key": "PASSWORD"}}}


def test_secret_variables_come_before_those_that_may_name_them(run_program: Any) -> None:
    args = arguments(environment={"URL": "postgres://$(PASSWORD)@db"}, secret_environment={"PASSWORD": "x"})
    recorded = run_program(lambda: Workload("app", args))
    assert [v["name"] for v in pod(recorded)["containers"][0]["env"]] == ["PASSWORD", "URL"]


def test_files_are_mounted_one_by_one(run_program: Any) -> None:
    args = arguments(files={"/etc/a/app.yaml": "x", "/etc/b/app.yaml": "y"}, secret_files={"/etc/a/key": "z"})
    recorded = run_program(lambda: Workload("app", args))
    data = recorded.one("kubernetes:core/v1:ConfigMap").inputs["data"]
    mounts = {m["mountPath"]: m for m in pod(recorded)["containers"][0]["volumeMounts"]}
    assert {data[mounts[path]["subPath"]] for path in ("/etc/a/app.yaml", "/etc/b/app.yaml")} == {"x", "y"}
    assert all(mounts[path]["readOnly"] for path in ("/etc/a/app.yaml", "/etc/a/key"))
    volumes = {v["name"]: v for v in pod(recorded)["volumes"]}
    assert volumes["secret"]["secret"]["defaultMode"] == 0o440
    assert volumes["scratch-tmp"]["emptyDir"] == {"sizeLimit": "2Gi"}


@pytest.mark.parametrize(
    ("changed", "restarts"),
    [
        ({"files": {"/etc/a": "2"}}, True),
        ({"secret_files": {"/etc/b": "2"}}, True),
        ({"secret_environment": {"C": "2"}}, True),
        ({"cpu": "1"}, False),
    ],
)
def test_changed_configuration_changes_the_pod_template(
    run_program: Any, changed: dict[str, Any], restarts: bool
) -> None:
    before = {"files": {"/etc/a": "1"}, "secret_files": {"/etc/b": "1"}, "secret_environment": {"C": "1"}}
    first = annotations(run_program(lambda: Workload("app", arguments(**before))))
    second = annotations(run_program(lambda: Workload("app", arguments(**{**before, **changed}))))
    assert set(first) == {"colonnade.io/config-checksum", "colonnade.io/secret-checksum"}
    assert (first != second) is restarts


def test_the_checksum_of_a_secret_is_plain_and_confirms_no_guess(run_program: Any) -> None:
    program = lambda: Workload("app", arguments(secret_environment={"C": "1"}))  # noqa: E731
    here = run_program(program)
    uid = {"kubernetes:core/v1:Secret": {"metadata": {"name": "app", "uid": "another"}}}
    there = run_program(program, outputs=uid)
    assert (
        annotations(here)["colonnade.io/secret-checksum"]
        != annotations(there)["colonnade.io/secret-checksum"]
    )
    assert not here.one("kubernetes:apps/v1:Deployment").secrets


def test_an_unknown_secret_makes_an_unknown_checksum_and_no_error(run_program: Any) -> None:
    recorded = run_program(
        lambda: Workload("app", arguments(secret_environment={"C": "1"})),
        preview=True,
        unknown=["kubernetes:core/v1:Secret"],
    )
    assert pulumi.runtime.rpc.UNKNOWN in annotations(recorded).values()


def test_a_volume_makes_a_stateful_set_whose_data_goes_with_it(run_program: Any) -> None:
    args = arguments(volume=Volume("/data", "5Gi", "fast"), replicas=3)
    recorded = run_program(lambda: Workload("app", args))
    controller = recorded.one("kubernetes:apps/v1:StatefulSet")
    spec = controller.inputs["spec"]
    assert spec["serviceName"] == "app-headless"
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Delete", "whenScaled": "Retain"}
    claim = spec["volumeClaimTemplates"][0]
    assert claim["metadata"]["name"] == "data"
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "5Gi"}},
    }
    assert {"name": "data", "mountPath": "/data"} in pod(recorded, "StatefulSet")["containers"][0][
        "volumeMounts"
    ]
    headless = recorded.one("kubernetes:core/v1:Service", "app-headless").inputs["spec"]
    assert headless["clusterIP"] == "None"
    assert not controller.protect
    assert not recorded.all("kubernetes:apps/v1:Deployment")


def test_protection_keeps_the_set_and_its_volumes(run_program: Any) -> None:
    recorded = run_program(lambda: Workload("app", arguments(volume=Volume("/data", "5Gi"), protect=True)))
    controller = recorded.one("kubernetes:apps/v1:StatefulSet")
    assert controller.protect
    assert controller.inputs["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Retain"


@pytest.mark.parametrize("replicas", [1, 3])
def test_case_4_a_pod_that_cannot_start_holds_up_no_update(run_program: Any, replicas: int) -> None:
    args = arguments(volume=Volume("/data", "5Gi"), replicas=replicas)
    controller = run_program(lambda: Workload("app", args)).one("kubernetes:apps/v1:StatefulSet")
    assert controller.inputs["spec"]["podManagementPolicy"] == "Parallel"
    assert controller.ignore_changes == ("spec.podManagementPolicy",)


@pytest.mark.parametrize("replicas", [1, 3])
def test_budget_lets_a_node_drain(run_program: Any, replicas: int) -> None:
    recorded = run_program(lambda: Workload("app", arguments(replicas=replicas)))
    budget = recorded.one("kubernetes:policy/v1:PodDisruptionBudget").inputs["spec"]
    assert budget == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {"app.kubernetes.io/name": "app"}},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    constraints = pod(recorded).get("topologySpreadConstraints", [])
    assert [c["topologyKey"] for c in constraints] == (
        ["topology.kubernetes.io/zone", "kubernetes.io/hostname"] if replicas > 1 else []
    )


@pytest.mark.parametrize(
    ("probe", "action"),
    [
        (Probe(8000, "/ready"), {"httpGet": {"path": "/ready", "port": 8000}}),
        (Probe(8000), {"tcpSocket": {"port": 8000}}),
        (Probe(8000, command=["ping"]), {"exec": {"command": ["ping"]}}),
    ],
)
def test_all_three_probes_ask_the_same(run_program: Any, probe: Probe, action: dict[str, Any]) -> None:
    container = pod(run_program(lambda: Workload("app", arguments(probe=probe))))["containers"][0]
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert action.items() <= container[name].items()
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= probe.startup_seconds


def test_service_ports_point_at_the_container_by_name(run_program: Any) -> None:
    recorded = run_program(lambda: Workload("app", arguments(ports={"http": 8000, "grpc": 9000})))
    ports = recorded.one("kubernetes:core/v1:Service").inputs["spec"]["ports"]
    assert ports == [
        {"name": "http", "port": 8000, "targetPort": "http", "protocol": "TCP"},
        {
            "name": "grpc",
            "port": 9000,
            "targetPort": "grpc",
            "protocol": "TCP",
            "appProtocol": "kubernetes.io/h2c",
        },
    ]


def test_placement_and_hosts(run_program: Any) -> None:
    args = arguments(pool="general", host_aliases={"b.example": "10.0.0.1", "a.example": "10.0.0.1"})
    spec = pod(run_program(lambda: Workload("app", args)))
    assert spec["nodeSelector"] == {"colonnade.io/pool": "general"}
    assert spec["hostAliases"] == [{"ip": "10.0.0.1", "hostnames": ["a.example", "b.example"]}]


def test_outputs_name_the_service(run_program: Any) -> None:
    recorded = run_program(lambda: Workload("app", arguments()))
    workload = recorded.result
    outputs = {"service": "app", "host": "app.data.svc", "service_account": "app"}
    assert recorded.registered_outputs[recorded.one("colonnade:index:Workload").urn] == outputs
    assert recorded.value(workload.host) == "app.data.svc"
    assert workload.peer == pods_of("app", "data")


def test_a_long_name_is_cut_the_same_way_everywhere(run_program: Any) -> None:
    recorded = run_program(lambda: Workload("a" * 80, arguments(volume=Volume("/data", "1Gi"))))
    names = {r.inputs["metadata"]["name"] for r in recorded.resources if r.custom}
    assert max(map(len, names)) <= 63
    assert {name.removesuffix("-headless") for name in names} == {recorded.value(recorded.result.service)}


def test_dict_and_dataclass_make_the_same_resources(run_program: Any) -> None:
    plain = {
        "namespace": "data",
        "image": IMAGE,
        "ports": {"http": 8000.0},
        "probe": {"port": 8000.0, "path": "/healthz", "startupSeconds": 60.0},
        "volume": {"path": "/data", "size": "1Gi", "storageClass": "fast"},
        "callers": [{"namespace": "edge", "labels": {"a": "b"}}],
        "callees": [[{"namespace": "db"}, 5432.0]],
        "secretEnvironment": {"A": "b"},
    }
    typed = arguments(
        probe=Probe(8000, "/healthz", startup_seconds=60),
        volume=Volume("/data", "1Gi", "fast"),
        callers=[Peer("edge", {"a": "b"})],
        callees=[(Peer("db"), 5432)],
        secret_environment={"A": "b"},
    )
    by_dict = run_program(lambda: Workload("app", plain)).resources
    by_class = run_program(lambda: Workload("app", typed)).resources
    assert sorted(by_dict, key=lambda r: r.urn) == sorted(by_class, key=lambda r: r.urn)


def test_every_fault_is_named_at_once(run_program: Any) -> None:
    args = arguments(
        user=0,
        image="app:latest",
        ports={"A_BAD_NAME": 1},
        probe=Probe(8000, "/x", ["y"]),
        replicas=-1,
        files={"relative": "x", "/twice": "x"},
        secret_files={"/twice": "y"},
        environment={"A": "1"},
        secret_environment={"A": "2"},
    )
    with pytest.raises(ArgsError) as caught:
        run_program(lambda: Workload("app", args))
    for part in (
        "root",
        "not pinned",
        "A_BAD_NAME",
        "path and a command",
        "-1",
        "relative",
        "twice",
        "variable A",
    ):
        assert part in str(caught.value)
    with pytest.raises(ArgsError, match="none of \\[8000\\]"):
        run_program(lambda: Workload("app", arguments(probe=Probe(1))))
