"""What a route sends over the wire."""

from typing import Any

import pulumi_kubernetes as kubernetes
import pytest

from components.base import ArgsError
from components.foundation.contract import EdgeAccess, Peer, SingleSignOnAccess
from components.kubernetes.route import Route, RouteArgs


def arguments(**changed: Any) -> RouteArgs:
    given: dict[str, Any] = {
        "edge": EdgeAccess("colonnade", "colonnade-edge", "ml.example.com", Peer("colonnade-edge"), []),
        "label": "mlflow",
        "namespace": "experimentation",
        "service": "mlflow",
        "port": 5000,
    }
    return RouteArgs(**{**given, **changed})


@pytest.mark.parametrize(("protocol", "kind"), [("http", "HTTPRoute"), ("grpc", "GRPCRoute")])
def test_it_attaches_the_service_to_the_edge(run_program: Any, protocol: str, kind: str) -> None:
    recorded = run_program(lambda: Route("mlflow", arguments(protocol=protocol)))
    route = recorded.one(f"kubernetes:gateway.networking.k8s.io/v1:{kind}")
    assert route.inputs["metadata"]["namespace"] == "experimentation"
    assert route.inputs["spec"] == {
        "parentRefs": [{"name": "colonnade", "namespace": "colonnade-edge", "sectionName": "https"}],
        "hostnames": ["mlflow.ml.example.com"],
        "rules": [{"backendRefs": [{"name": "mlflow", "port": 5000}]}],
    }
    assert route.parent == recorded.one("colonnade:index:Route").urn
    assert recorded.result.url == "https://mlflow.ml.example.com"


def test_it_waits_for_the_edge(run_program: Any) -> None:
    def program() -> Route:
        ready = kubernetes.core.v1.ConfigMap("ready")
        edge = EdgeAccess("colonnade", "colonnade-edge", "ml.example.com", Peer("colonnade-edge"), [ready])
        return Route("mlflow", arguments(edge=edge, listener=None))

    recorded = run_program(program)
    route = recorded.one("kubernetes:gateway.networking.k8s.io/v1:HTTPRoute")
    assert recorded.one("kubernetes:core/v1:ConfigMap").urn in route.dependencies
    assert "sectionName" not in route.inputs["spec"]["parentRefs"][0]


def test_another_protocol_is_refused(run_program: Any) -> None:
    with pytest.raises(ArgsError, match="'ftp' is unknown; give http or grpc"):
        run_program(lambda: Route("mlflow", arguments(protocol="ftp")))


def test_withheld_paths_lead_away_from_the_service(run_program: Any) -> None:
    args = arguments(withheld=["/_pprof", "/metrics"])
    recorded = run_program(lambda: Route("mlflow", args))
    (route,) = [r for r in recorded.resources if r.type.endswith(":HTTPRoute")]
    assert route.inputs["spec"]["rules"] == [
        {
            "matches": [
                {"path": {"type": "PathPrefix", "value": "/_pprof"}},
                {"path": {"type": "PathPrefix", "value": "/metrics"}},
            ],
            "filters": [
                {
                    "type": "RequestRedirect",
                    "requestRedirect": {
                        "path": {"type": "ReplaceFullPath", "replaceFullPath": "/"},
                        "statusCode": 302,
                    },
                }
            ],
        },
        {"backendRefs": [{"name": "mlflow", "port": 5000}]},
    ]


SIGN_ON = EdgeAccess(
    "colonnade",
    "colonnade-edge",
    "ml.example.com",
    Peer("colonnade-edge"),
    [],
    SingleSignOnAccess("single-sign-on", 4180, "inside"),
)


def test_people_sign_in_before_they_get_to_the_service(run_program: Any) -> None:
    args = arguments(edge=SIGN_ON, single_sign_on=True, withheld=["/metrics"])
    recorded = run_program(lambda: Route("tracking", args))
    routes = {r.name: r.inputs for r in recorded.resources if r.type.endswith(":HTTPRoute")}
    assert set(routes) == {"tracking", "tracking-sign-on"}
    service, entry = routes["tracking"], routes["tracking-sign-on"]
    for route, namespace, listener in (
        (service, "experimentation", "inside"),
        (entry, "colonnade-edge", "https"),
    ):
        assert route["metadata"]["namespace"] == namespace
        assert [parent["sectionName"] for parent in route["spec"]["parentRefs"]] == [listener]
        assert route["spec"]["hostnames"] == ["mlflow.ml.example.com"]
    assert entry["metadata"]["name"] == "mlflow-sign-on"
    assert entry["spec"]["rules"] == [{"backendRefs": [{"name": "single-sign-on", "port": 4180}]}]
    assert service["spec"]["rules"][-1] == {"backendRefs": [{"name": "mlflow", "port": 5000}]}
    assert len(service["spec"]["rules"]) == 2


@pytest.mark.parametrize(
    ("edge", "asked"), [(SIGN_ON, False), (arguments().edge, True)], ids=["not-asked", "no-provider"]
)
def test_without_asking_or_a_provider_the_service_is_reached_at_once(
    run_program: Any, edge: EdgeAccess, asked: bool
) -> None:
    recorded = run_program(lambda: Route("mlflow", arguments(edge=edge, single_sign_on=asked)))
    (route,) = [r for r in recorded.resources if r.type.endswith("Route") and r.custom]
    assert route.inputs["spec"]["parentRefs"][0]["sectionName"] == "https"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"protocol": "grpc"}, "people sign in with a browser, not by grpc"),
        ({"listener": None}, "name the listener at which people sign in"),
    ],
)
def test_sign_on_that_would_stop_or_miss_clients_is_refused(
    run_program: Any, changes: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ArgsError, match=fault):
        run_program(lambda: Route("mlflow", arguments(edge=SIGN_ON, single_sign_on=True, **changes)))
