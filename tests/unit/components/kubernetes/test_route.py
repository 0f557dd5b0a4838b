"""What a route sends over the wire."""

from typing import Any

import pulumi_kubernetes as kubernetes
import pytest

from components.base import ArgsError
from components.foundation.contract import EdgeAccess, Peer
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
