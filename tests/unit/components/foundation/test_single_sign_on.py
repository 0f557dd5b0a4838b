"""Single sign-on at the edge: who reaches what, and that nothing secret is on a command line."""

import base64
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pytest

from components.foundation.edge import Edge, EdgeArgs, SingleSignOnSettings
from components.foundation.single_sign_on import arguments
from components.kubernetes.route import Route, RouteArgs

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
GATEWAY = "kubernetes:gateway.networking.k8s.io/v1:Gateway"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
SERVICE = "kubernetes:core/v1:Service"


def edge(single_sign_on: bool = True, issuer: str = "https://login.example.com/realms/ml") -> Edge:
    provider = SingleSignOnSettings("oauth2-proxy:v7.15.4", issuer, "colonnade", "the-secret")
    return Edge(
        "edge",
        EdgeArgs(
            namespace="colonnade-edge",
            image="traefik:v3.6.12",
            domain="ml.example.com",
            gateway_crds=[],
            route_namespaces=["data"],
            issuer="internal",
            replicas=2,
            pool="system",
            single_sign_on=provider if single_sign_on else None,
        ),
        pulumi.ResourceOptions(providers=[kubernetes.Provider("kubernetes"), random.Provider("random")]),
    )


@pytest.fixture
def run(run_program: Any) -> Any:
    return lambda **changes: run_program(lambda: edge(**changes))


def command(recorded: Any, name: str) -> list[str]:
    pod = recorded.one(DEPLOYMENT, name).inputs["spec"]["template"]["spec"]
    found: list[str] = pod["containers"][0]["args"]
    return found


def rules(recorded: Any, name: str, direction: str) -> list[tuple[str, tuple[int, ...]]]:
    """Returns whom a policy admits in that direction: pods by their name, or a network, with the ports."""
    found = []
    for rule in recorded.one(POLICY, name).inputs["spec"].get(direction, []):
        for peer in rule.get("from" if direction == "ingress" else "to", []):
            selector = peer.get("podSelector", {}).get("matchLabels", {})
            whom = selector.get("app.kubernetes.io/name") or peer.get("ipBlock", {}).get("cidr")
            if whom:
                found.append((whom, tuple(sorted(port["port"] for port in rule.get("ports", [])))))
    return found


def test_it_runs_where_the_edge_does_and_as_often(run: Any) -> None:
    recorded = run()
    deployment = recorded.one(DEPLOYMENT, "single-sign-on").inputs
    assert deployment["metadata"]["namespace"] == "colonnade-edge"
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["template"]["spec"]["nodeSelector"] == {"colonnade.io/pool": "system"}


def test_the_provider_is_asked_as_oidc_says(run: Any) -> None:
    given = command(run(), "single-sign-on")
    for flag in (
        "--provider=oidc",
        "--oidc-issuer-url=https://login.example.com/realms/ml",
        "--client-id=colonnade",
        "--code-challenge-method=S256",
        "--insecure-oidc-skip-nonce=false",
    ):
        assert flag in given
    # Each name is its own callback.
    assert not [flag for flag in given if flag.startswith("--redirect-url")]


def test_who_signed_in_for_one_name_did_for_all_and_for_no_other_domain(run: Any) -> None:
    given = command(run(), "single-sign-on")
    assert "--cookie-domain=.ml.example.com" in given
    # The prefix makes browsers insist on TLS.
    assert "--cookie-name=__Secure-colonnade" in given
    assert "--session-cookie-minimal=true" in given
    assert not [
        flag for flag in given if flag.startswith(("--cookie-secure=false", "--cookie-httponly=false"))
    ]


def test_secrets_come_by_environment(run: Any) -> None:
    recorded = run()
    secret = recorded.one("kubernetes:core/v1:Secret", "single-sign-on")
    held = {key: base64.b64decode(value).decode() for key, value in secret.inputs["data"].items()}
    assert set(held.values()) == {"the-secret", "generated-single-sign-on-cookie"}
    assert any(path.startswith("data") for path in secret.secrets)
    assert "the-secret" not in " ".join(command(recorded, "single-sign-on"))
    password = recorded.one("random:index/randomPassword:RandomPassword")
    # oauth2-proxy takes 16, 24 or 32 bytes.
    assert password.inputs["length"] == 32
    assert password.inputs["special"] is False


def test_only_the_edge_reaches_it_and_only_it_gets_inside(run: Any) -> None:
    recorded = run()
    assert rules(recorded, "single-sign-on", "ingress") == [("edge", (4180,))]
    assert ("edge", (8001,)) in rules(recorded, "single-sign-on", "egress")
    assert rules(recorded, "edge", "ingress") == [("single-sign-on", (8000, 8001, 8082, 8443))]
    assert ("single-sign-on", (4180,)) in rules(recorded, "edge", "egress")
    # Everybody else comes in by the public entries.
    assert {ports for _, ports in rules(recorded, "edge-public", "ingress")} == {(8000, 8443)}


def test_the_way_inside_is_no_public_one(run: Any) -> None:
    recorded = run()
    public = recorded.one(SERVICE, "edge-public").inputs["spec"]["ports"]
    assert {port["targetPort"] for port in public} == {8000, 8443}
    listeners = {it["name"]: it for it in recorded.one(GATEWAY).inputs["spec"]["listeners"]}
    assert set(listeners) == {"https", "inside"}
    assert (listeners["inside"]["protocol"], listeners["inside"]["port"]) == ("HTTP", 8001)
    assert "--entrypoints.inside.address=:8001" in command(recorded, "edge")
    # Services listen where they did; what signs people in is beside the edge, and inside it has no route.
    namespaces = {
        name: it["allowedRoutes"]["namespaces"]["selector"]["matchExpressions"][0]["values"]
        for name, it in listeners.items()
    }
    assert namespaces == {"https": ["data", "colonnade-edge"], "inside": ["data"]}


def test_requests_go_on_by_the_edge(run: Any) -> None:
    recorded = run()
    assert "--upstream=http://edge.colonnade-edge.svc:8001" in command(recorded, "single-sign-on")
    assert 8001 in {port["port"] for port in recorded.one(SERVICE, "edge").inputs["spec"]["ports"]}


@pytest.mark.parametrize(
    ("issuer", "port"), [("https://login.example.com", 443), ("https://login.example.com:8443/x", 8443)]
)
def test_it_reaches_the_provider(run: Any, issuer: str, port: int) -> None:
    assert ("0.0.0.0/0", (port,)) in rules(run(issuer=issuer), "single-sign-on", "egress")


def test_without_a_provider_there_is_none_of_it(run: Any) -> None:
    recorded = run(single_sign_on=False)
    assert recorded.result.access.single_sign_on is None
    assert not [r.name for r in recorded.resources if "sign-on" in r.name]
    assert len(recorded.one(GATEWAY).inputs["spec"]["listeners"]) == 1
    assert not [flag for flag in command(recorded, "edge") if "inside" in flag]
    assert rules(recorded, "edge", "ingress") == []


def test_a_route_of_a_service_meets_what_signs_people_in(run_program: Any) -> None:
    def program() -> Edge:
        built = edge()
        args = RouteArgs(built.access, "mlflow", "data", "mlflow", 5000, single_sign_on=True)
        Route("mlflow", args, pulumi.ResourceOptions(providers=[kubernetes.Provider("other")]))
        return built

    recorded = run_program(program)
    routes = {r.name: r.inputs["spec"] for r in recorded.resources if r.type.endswith(":HTTPRoute")}
    (backend,) = routes["mlflow-sign-on"]["rules"][0]["backendRefs"]
    service = recorded.one(SERVICE, "single-sign-on").inputs
    assert backend["name"] == service["metadata"]["name"]
    assert backend["port"] in {port["port"] for port in service["spec"]["ports"]}
    (parent,) = routes["mlflow"]["parentRefs"]
    assert parent["sectionName"] in {it["name"] for it in recorded.one(GATEWAY).inputs["spec"]["listeners"]}


def test_no_flag_is_given_twice() -> None:
    given = arguments("ml.example.com", "https://login.example.com", "colonnade")
    assert len(given) == len({flag.partition("=")[0] for flag in given})
