"""How a service is reached from outside: a route of the Gateway API at the foundation's edge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes import meta

from components.base import ArgsError, Component
from components.foundation.contract import EdgeAccess
from components.kubernetes import pod
from components.kubernetes.workload import workload_name

KINDS: Final = {"http": "HTTPRoute", "grpc": "GRPCRoute"}


@dataclass(frozen=True)
class RouteArgs:
    """Arguments of `Route`.

    Attributes:
        edge: The foundation's entry point.
        label: First label of the host name; the service becomes `https://<label>.<domain>`.
        namespace: Namespace of the service and of the route.
        service: Name of the Service.
        port: Its port.
        protocol: `http` or `grpc`.
        listener: The gateway's listener to attach to, None for each that admits the host name.
        withheld: Paths (HTTP) that nobody reaches from outside, with all that is below them; who asks for one
            is sent to the start page.
    """

    edge: EdgeAccess
    label: str
    namespace: pulumi.Input[str]
    service: pulumi.Input[str]
    port: pulumi.Input[int]
    protocol: str = "http"
    listener: str | None = "https"
    withheld: Sequence[str] = ()


class Route(Component[RouteArgs]):
    """A route from the edge to one service.

    Attributes:
        url: Where people reach the service.

    Raises:
        ArgsError: The protocol is neither `http` nor `grpc`.
    """

    args_type = RouteArgs

    url: str

    def build(self, args: RouteArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        if args.protocol not in KINDS:
            raise ArgsError(f"Route {self.name}: protocol {args.protocol!r} is unknown; give http or grpc")
        name = workload_name(self.name)
        parent: dict[str, Any] = {"name": args.edge.gateway, "namespace": args.edge.namespace}
        if args.listener:
            parent["sectionName"] = args.listener
        kubernetes.apiextensions.CustomResource(
            self.name,
            api_version="gateway.networking.k8s.io/v1",
            kind=KINDS[args.protocol],
            metadata=meta.v1.ObjectMetaArgs(name=name, namespace=args.namespace, labels=pod.labels(name)),
            spec={
                "parentRefs": [parent],
                "hostnames": [f"{args.label}.{args.edge.domain}"],
                "rules": [
                    *([_withhold(args.withheld)] if args.withheld else []),
                    {"backendRefs": [{"name": args.service, "port": args.port}]},
                ],
            },
            opts=self.child(depends_on=list(args.edge.ready)),
        )
        self.url = args.edge.url(args.label)
        return {"url": self.url}


def _withhold(paths: Sequence[str]) -> dict[str, Any]:
    """Returns a rule that leads away from the paths; the Gateway API has none that refuses."""
    away = {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/"}, "statusCode": 302}
    return {
        "matches": [{"path": {"type": "PathPrefix", "value": path}} for path in paths],
        "filters": [{"type": "RequestRedirect", "requestRedirect": away}],
    }
