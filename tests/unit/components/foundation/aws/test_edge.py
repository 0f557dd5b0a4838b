"""The edge on AWS: where its certificate comes from, and what goes over the wire."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pytest

from components import catalog
from components.foundation.aws.edge import (
    AwsEdge,
    AwsEdgeArgs,
    balancer,
    certificate_manager_values,
    terminating,
)
from components.foundation.edge import EdgeError
from tests.unit.components.foundation.subjects import AWS_OUTPUTS, CERTIFICATE, CERTIFICATE_ARN, VALIDATION

PREFIX = "service.beta.kubernetes.io/aws-load-balancer"
ZONE = "aws:route53/zone:Zone"
RECORD = "aws:route53/record:Record"
HELM = "kubernetes:helm.sh/v4:Chart"
GATEWAY = "kubernetes:gateway.networking.k8s.io/v1:Gateway"
ISSUER = "kubernetes:cert-manager.io/v1:ClusterIssuer"
SERVICE = "kubernetes:core/v1:Service"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
OWN = {"validation_zone_id": None, "certificate": "CHAIN", "private_key": "KEY"}
ISSUED_BEFORE = {"validation_zone_id": None, "certificate_arn": "arn:aws:acm:eu-central-1:1:certificate/f"}
SOURCES = {"validated": {}, "issued-before": ISSUED_BEFORE, "own": OWN}


def edge(**changes: Any) -> AwsEdge:
    arguments: dict[str, Any] = {
        "environment": "prod",
        "vpc_id": "vpc-1",
        "cidr": "10.64.0.0/16",
        "connected_cidrs": ["10.0.0.0/20"],
        "namespace": "colonnade-edge",
        "image": "docker.io/library/traefik:v3.6.12",
        "certificate_manager_image": "quay.io/jetstack/cert-manager-controller:v1.21.1",
        "domain": "ml.example.com",
        "gateway_crds": ["gateway-api.yaml"],
        "route_namespaces": ["data"],
        "validation_zone_id": "Z0PUBLIC",
    }
    providers = [aws.Provider("aws", region="eu-central-1"), kubernetes.Provider("kubernetes")]
    return AwsEdge("edge", AwsEdgeArgs(**(arguments | changes)), pulumi.ResourceOptions(providers=providers))


@pytest.fixture
def run(run_program: Any) -> Any:
    return lambda **changes: run_program(lambda: edge(**changes), outputs=AWS_OUTPUTS)


def annotations(recorded: Any) -> dict[str, str]:
    found: dict[str, str] = recorded.one(SERVICE, "edge-public").inputs["metadata"]["annotations"]
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_the_load_balancer_is_an_internal_one_for_the_networks_joined(run: Any, source: str) -> None:
    recorded = run(**SOURCES[source])
    assert annotations(recorded) | balancer() == annotations(recorded)
    assert balancer() == {
        f"{PREFIX}-type": "nlb",
        f"{PREFIX}-internal": "true",
        f"{PREFIX}-cross-zone-load-balancing-enabled": "true",
    }
    spec = recorded.one(SERVICE, "edge-public").inputs["spec"]
    assert spec["type"] == "LoadBalancer"
    assert spec["loadBalancerSourceRanges"] == ["10.64.0.0/16", "10.0.0.0/20"]
    assert {port["name"]: port["port"] for port in spec["ports"]} == {"http": 80, "https": 443}


@pytest.mark.parametrize("source", SOURCES)
def test_every_name_below_the_domain_leads_to_the_load_balancer(run: Any, source: str) -> None:
    recorded = run(**SOURCES[source])
    record = recorded.one(RECORD, "edge")
    assert record.inputs == {
        "zoneId": "Z0PRIVATE",
        "name": "*.ml.example.com",
        "type": "CNAME",
        "ttl": 60,
        "records": ["a1.elb.eu-central-1.amazonaws.com"],
    }
    # Whoever deletes the load balancer has deleted its name before.
    assert recorded.one(SERVICE, "edge-public").urn in record.dependencies


def test_names_are_private_to_the_network_unless_a_zone_is_given(run: Any) -> None:
    recorded = run()
    zone = recorded.one(ZONE)
    assert zone.inputs["name"] == "ml.example.com"
    assert zone.inputs["vpcs"] == [{"vpcId": "vpc-1"}]
    assert zone.inputs["forceDestroy"] is False
    assert zone.inputs["tags"] == {"Name": "edge"}
    assert recorded.value(recorded.result.name_servers) == ["ns-1.awsdns-00.com"]
    given = run(zone_id="Z0GIVEN")
    assert not given.all(ZONE)
    assert given.one(RECORD, "edge").inputs["zoneId"] == "Z0GIVEN"
    assert given.value(given.result.name_servers) == []


def test_the_certificate_of_aws_covers_the_domain_and_proves_itself_in_public(run: Any) -> None:
    recorded = run(zone_id="Z0GIVEN")
    certificate = recorded.one(CERTIFICATE).inputs
    assert certificate["domainName"] == "ml.example.com"
    assert certificate["subjectAlternativeNames"] == ["*.ml.example.com"]
    assert certificate["validationMethod"] == "DNS"
    assert certificate["tags"] == {"Name": "edge"}
    proof = recorded.one(RECORD, "edge-validation").inputs
    # A private zone proves nothing to the world.
    assert proof["zoneId"] == "Z0PUBLIC"
    assert proof["name"] == "_0a1b.ml.example.com."
    assert proof["records"] == ["_2c3d.acm-validations.aws."]
    assert recorded.one(VALIDATION).inputs == {
        "certificateArn": CERTIFICATE_ARN,
        "validationRecordFqdns": ["_0a1b.ml.example.com."],
    }


@pytest.mark.parametrize(
    ("source", "arn"),
    [("validated", CERTIFICATE_ARN), ("issued-before", ISSUED_BEFORE["certificate_arn"])],
)
def test_with_a_certificate_of_aws_tls_ends_at_the_load_balancer_and_begins_again(
    run: Any, source: str, arn: str
) -> None:
    recorded = run(**SOURCES[source])
    assert annotations(recorded) == {**balancer(), **terminating(arn)}
    assert terminating(arn) == {
        f"{PREFIX}-ssl-cert": arn,
        f"{PREFIX}-ssl-ports": "https",
        f"{PREFIX}-ssl-negotiation-policy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
        f"{PREFIX}-backend-protocol": "ssl",
    }
    gateway = recorded.one(GATEWAY)
    assert gateway.inputs["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == "colonnade-inside"
    issuer = recorded.one(ISSUER)
    assert issuer.inputs["metadata"]["name"] == "colonnade-inside"
    assert issuer.inputs["spec"] == {"selfSigned": {}}


def test_the_load_balancer_waits_for_a_certificate_that_is_valid(run: Any) -> None:
    recorded = run()
    assert recorded.one(VALIDATION).urn in recorded.one(SERVICE, "edge-public").dependencies


def test_a_certificate_of_your_own_passes_through_to_the_cluster(run: Any) -> None:
    recorded = run(**OWN)
    assert annotations(recorded) == balancer()
    secret = recorded.one("kubernetes:core/v1:Secret", "edge-certificate")
    assert secret.inputs["stringData"] == {"tls.crt": "CHAIN", "tls.key": "KEY"}
    assert {path.partition(".")[0] for path in secret.secrets} == {"stringData"}
    assert not [r.type for r in recorded.resources if r.type in (HELM, ISSUER, CERTIFICATE, VALIDATION)]
    assert not recorded.all("colonnade:index:Chart")


def test_case_20_the_gateway_comes_once_the_issuer_works(run: Any) -> None:
    recorded = run()
    issuer, gateway = recorded.one(ISSUER), recorded.one(GATEWAY)
    assert issuer.inputs["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}
    assert precedes(recorded, recorded.one(HELM), issuer)
    assert precedes(recorded, issuer, gateway)
    # cert-manager looks for the Gateway API once, when it starts.
    assert precedes(
        recorded, recorded.one("kubernetes:yaml/v2:ConfigGroup", "edge-definitions"), recorded.one(HELM)
    )


def test_the_api_server_alone_calls_cert_manager(run: Any) -> None:
    recorded = run()
    policies = {r.name: r.inputs for r in recorded.all(POLICY)}
    webhook = policies["cert-manager-webhook"]["spec"]
    assert webhook["policyTypes"] == ["Ingress"]
    assert webhook["ingress"] == [{"ports": [{"protocol": "TCP", "port": 10250}]}]
    assert policies["cert-manager"]["spec"]["ingress"] == []
    for name in ("cert-manager", "cert-manager-webhook", "colonnade-certificates"):
        assert policies[name]["metadata"]["namespace"] == "colonnade-certificates"
        assert precedes(recorded, recorded.one(POLICY, name), recorded.one(HELM)) or name.startswith("colonn")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"validation_zone_id": None},
            "give one of validation_zone_id, certificate_arn, certificate; given are none",
        ),
        (
            ISSUED_BEFORE | {"validation_zone_id": "Z0PUBLIC"},
            "given are validation_zone_id, certificate_arn",
        ),
        (OWN | {"validation_zone_id": "Z0PUBLIC"}, "given are validation_zone_id, certificate"),
        (OWN | {"private_key": None}, "certificate and private_key come together"),
        ({"private_key": "KEY"}, "certificate and private_key come together"),
        (
            {"certificate_manager_image": f"r.example.com/cert-manager-controller@sha256:{'0' * 64}"},
            "give it by tag",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    run: Any, changes: dict[str, Any], fault: str
) -> None:
    with pytest.raises(EdgeError) as error:
        run(**changes)
    assert fault in str(error.value)
    assert str(error.value).startswith("AwsEdge edge: ")


def test_every_fault_is_named_at_once(run: Any) -> None:
    with pytest.raises(EdgeError) as error:
        run(validation_zone_id=None, private_key="KEY")
    assert str(error.value).count("AwsEdge edge: ") == 2


def test_the_chart_of_cert_manager_runs_the_images_of_the_catalog() -> None:
    part = catalog.part("cert-manager")
    values = certificate_manager_values(str(part.image), 2, "system")
    named = {
        f"{it['image']['repository']}:{it['image']['tag']}"
        for it in (values, values["webhook"], values["cainjector"])
    }
    assert named == {part.image, *part.images}
    assert {it["replicaCount"] for it in (values, values["webhook"], values["cainjector"])} == {2}
    for it in (values, values["webhook"], values["cainjector"]):
        assert it["nodeSelector"] == {"colonnade.io/pool": "system"}
        assert it["resources"]["limits"] == {"memory": "256Mi"}
    assert values["global"]["leaderElection"]["namespace"] == "colonnade-certificates"
    assert values["crds"]["enabled"] is True
    assert values["config"]["enableGatewayAPI"] is True
    assert "nodeSelector" not in certificate_manager_values(str(part.image), 1, None)


@pytest.mark.parametrize("source", SOURCES)
def test_every_child_goes_through_the_provider_given(run: Any, source: str) -> None:
    recorded = run(**SOURCES[source])
    for resource in recorded.resources:
        if resource.custom and not resource.type.startswith("pulumi:providers:"):
            package = resource.type.partition(":")[0]
            assert resource.provider.rpartition("::")[0] == recorded.one(f"pulumi:providers:{package}").urn


def test_in_a_preview_nothing_has_to_be_known(run_program: Any) -> None:
    unknown = [SERVICE, ZONE, CERTIFICATE, VALIDATION]
    recorded = run_program(edge, outputs=AWS_OUTPUTS, preview=True, unknown=unknown)
    assert {r.name for r in recorded.all(RECORD)} == {"edge", "edge-validation"}
    assert recorded.one(VALIDATION).name == "edge"


def precedes(recorded: Any, earlier: Any, later: Any) -> bool:
    """Tells whether the engine creates `earlier` first: a child waits for what its parents wait for."""
    known = {resource.urn: resource for resource in recorded.resources}
    seen: set[str] = set()
    pending = [later.urn]
    while pending:
        urn = pending.pop()
        if urn in known and urn not in seen:
            seen.add(urn)
            pending += [*known[urn].dependencies, known[urn].parent]
    return earlier.urn in seen
