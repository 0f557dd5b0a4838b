"""A namespace that refuses unhardened pods and every connection that nobody admitted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes import meta

from components import naming
from components.base import ArgsError, Component
from components.kubernetes import network

LEVELS: Final = ("restricted", "baseline", "privileged")


@dataclass(frozen=True)
class NamespaceArgs:
    """Arguments of `Namespace`.

    Attributes:
        level: Pod Security level that admission enforces.
        labels: Further labels.
    """

    level: str = "restricted"
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


class Namespace(Component[NamespaceArgs]):
    """A namespace under the component's own name.

    Guarantees: Pod Security is enforced, audited and warned of at the level; traffic in and out is denied by
    default.

    Attributes:
        namespace: Its name, for what is put into it.

    Raises:
        ArgsError: There is no such level.
    """

    args_type = NamespaceArgs

    namespace: pulumi.Output[str]

    def build(self, args: NamespaceArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        if args.level not in LEVELS:
            raise ArgsError(
                f"Namespace {self.name}: level {args.level!r} is unknown; give one of {', '.join(LEVELS)}"
            )
        common = {"app.kubernetes.io/part-of": "colonnade", "app.kubernetes.io/managed-by": "pulumi"}
        security = {f"pod-security.kubernetes.io/{mode}": args.level for mode in ("enforce", "audit", "warn")}
        created = kubernetes.core.v1.Namespace(
            self.name,
            metadata=meta.v1.ObjectMetaArgs(
                name=naming.physical("kubernetes-label", self.name),
                labels={**args.labels, **common, **security},
            ),
            opts=self.child(),
        )
        self.namespace = created.metadata.apply(lambda it: str(it.name))
        network.default_deny(self.name, self.namespace, common, self.child())
        return {"namespace": self.namespace}
