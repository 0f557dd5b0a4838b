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
        single_sign_on: Whether people sign in before they get to the service (HTTP). Where the environment
            has no identity provider, the service's own login is all there is.
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
    single_sign_on: bool = False


class Route(Component[RouteArgs]):
    """A route from the edge to one service.

    Attributes:
        url: Where people reach the service.

    Raises:
        ArgsError: The protocol is neither `http` nor `grpc`, or clients of `grpc` should sign in, or at no
            listener in particular.
    """

    args_type = RouteArgs

    url: str

    def build(self, args: RouteArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        if args.protocol not in KINDS:
            raise ArgsError(f"Route {self.name}: protocol {args.protocol!r} is unknown; give http or grpc")
        if args.single_sign_on and args.protocol != "http":
            raise ArgsError(f"Route {self.name}: people sign in with a browser, not by {args.protocol}")
        if args.single_sign_on and args.listener is None:
            # On every listener, it would also be on the one that only those who have signed in reach.
            raise ArgsError(f"Route {self.name}: name the listener at which people sign in")
        name = workload_name(self.name)
        rules = [
            *([_withhold(args.withheld)] if args.withheld else []),
            {"backendRefs": [{"name": args.service, "port": args.port}]},
        ]
        sign_on = args.edge.single_sign_on if args.single_sign_on else None
        if sign_on is None:
            self._attach(self.name, name, args.namespace, args, args.listener, rules)
        else:
            self._attach(self.name, name, args.namespace, args, sign_on.listener, rules)
            self._attach(
                f"{self.name}-sign-on",
                # Labels are the edge's own names; those of services may recur in another namespace.
                workload_name(f"{args.label}-sign-on"),
                args.edge.namespace,
                args,
                args.listener,
                [{"backendRefs": [{"name": sign_on.service, "port": sign_on.port}]}],
            )
        self.url = args.edge.url(args.label)
        return {"url": self.url}

    def _attach(
        self,
        logical: str,
        name: str,
        namespace: pulumi.Input[str],
        args: RouteArgs,
        listener: str | None,
        rules: Sequence[Mapping[str, Any]],
    ) -> None:
        """Creates the route of that name for the label, at the listener."""
        parent: dict[str, Any] = {"name": args.edge.gateway, "namespace": args.edge.namespace}
        if listener:
            parent["sectionName"] = listener
        kubernetes.apiextensions.CustomResource(
            logical,
            api_version="gateway.networking.k8s.io/v1",
            kind=KINDS[args.protocol],
            metadata=meta.v1.ObjectMetaArgs(name=name, namespace=namespace, labels=pod.labels(name)),
            spec={
                "parentRefs": [parent],
                "hostnames": [f"{args.label}.{args.edge.domain}"],
                "rules": list(rules),
            },
            opts=self.child(depends_on=list(args.edge.ready)),
        )


def _withhold(paths: Sequence[str]) -> dict[str, Any]:
    """Returns a rule that leads away from the paths; the Gateway API has none that refuses."""
    away = {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/"}, "statusCode": 302}
    return {
        "matches": [{"path": {"type": "PathPrefix", "value": path}} for path in paths],
        "filters": [{"type": "RequestRedirect", "requestRedirect": away}],
    }
