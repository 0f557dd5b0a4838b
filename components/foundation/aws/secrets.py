"""Secrets on AWS: what Secrets Manager holds for an environment, copied into the cluster by an operator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes import meta, networking

from components.base import Component
from components.foundation.aws.documents import render
from components.foundation.aws.external_secret import API, STORE_KIND
from components.foundation.aws.identity import AwsIdentity, AwsIdentityArgs
from components.kubernetes.chart import Chart, ChartArgs
from components.kubernetes.namespace import Namespace, NamespaceArgs
from components.kubernetes.network import policy
from components.kubernetes.pod import POOL_LABEL

NAMESPACE: Final = "colonnade-secrets"
STORE: Final = "aws"
_PART: Final = "external-secrets"
_WEBHOOK_PORT: Final = 10250
_OPERATOR_PODS: Final = {"app.kubernetes.io/instance": _PART}
_WEBHOOK_PODS: Final = {**_OPERATOR_PODS, "app.kubernetes.io/name": f"{_PART}-webhook"}


def reader_document(
    environment: str, account: str, region: str, key_arn: str, databases: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns the policy of the operator: it reads the secrets of its environment, and changes none.

    Args:
        environment: Name of the environment: its secrets are called `<environment>/...`.
        account: Account of the secrets.
        region: Region of the secrets.
        key_arn: Key of the secrets.
        databases: Identifiers of RDS instances whose master password is read as well. RDS names its secrets
            by itself, so they are told by the tag that RDS puts on them.
    """
    secret = f"arn:aws:secretsmanager:{region}:{account}:secret"
    read = {"Effect": "Allow", "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]}
    statements: list[dict[str, Any]] = [
        {"Sid": "ReadOwnSecrets", **read, "Resource": f"{secret}:{environment}/*"}
    ]
    if databases:
        owners = [f"arn:aws:rds:{region}:{account}:db:{identifier}" for identifier in databases]
        statements.append(
            {
                "Sid": "ReadMasterPasswords",
                **read,
                "Resource": f"{secret}:rds!db-*",
                "Condition": {"StringEquals": {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": owners}},
            }
        )
    statements.append(
        {
            "Sid": "DecryptSecretsAlone",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": key_arn,
            "Condition": {"StringEquals": {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}},
        }
    )
    return {"Version": "2012-10-17", "Statement": statements}


def values(
    image: str, annotations: Mapping[str, pulumi.Input[str]], replicas: int = 1, pool: str | None = None
) -> dict[str, Any]:
    """Returns the values of the operator's chart; what the platform does not use is off.

    Args:
        image: Image of all three parts, by tag or digest.
        annotations: What the service account must carry to be the operator's identity.
        replicas: Replicas of the operator, one of which works, and of its webhook.
        pool: Node pool, None for any.
    """
    repository, _, tag = image.rpartition(":")
    part = {
        "image": {"repository": repository, "tag": tag},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }
    return {
        **part,
        "replicaCount": replicas,
        "leaderElect": replicas > 1,
        "serviceAccount": {"name": _PART, "annotations": dict(annotations)},
        "webhook": {**part, "replicaCount": replicas, "port": _WEBHOOK_PORT},
        "certController": part,
        **({"global": {"nodeSelector": {POOL_LABEL: pool}}} if pool else {}),
        # Each definition is large, and each controller one more that may write Secrets.
        "crds": {
            "createClusterExternalSecret": False,
            "createClusterGenerator": False,
            "createClusterPushSecret": False,
            "createPushSecret": False,
        },
        "processClusterExternalSecret": False,
        "processClusterGenerator": False,
        "processClusterPushSecret": False,
        "processPushSecret": False,
    }


@dataclass(frozen=True)
class AwsSecretsArgs:
    """Arguments of `AwsSecrets`.

    Attributes:
        environment: Name of the environment; its secrets are called `<environment>/...`.
        account: Account of the secrets.
        region: Region of the secrets.
        key_arn: Key of the secrets.
        oidc_provider_arn, oidc_issuer_host: Who vouches for the operator's service account.
        image: Image of the operator, by tag or digest.
        namespaces: Namespaces that may read through the store; no other can.
        databases: Identifiers of RDS instances whose master password may be read.
        replicas: Replicas of the operator and of its webhook.
        pool: Node pool, None for any.
        chart_source, chart_location: Where the operator's chart comes from; see `ChartArgs`.
    """

    environment: str
    account: pulumi.Input[str]
    region: str
    key_arn: pulumi.Input[str]
    oidc_provider_arn: pulumi.Input[str]
    oidc_issuer_host: pulumi.Input[str]
    image: str
    namespaces: Sequence[str]
    databases: Sequence[str] = ()
    replicas: int = 1
    pool: str | None = None
    chart_source: str = "upstream"
    chart_location: str | None = None


class AwsSecrets(Component[AwsSecretsArgs]):
    """External Secrets Operator, and the store by which it reads from Secrets Manager.

    The caller's options carry explicit providers: aws and kubernetes.

    Guarantees: the operator reads the secrets of its own environment and changes none; only the namespaces
    named can have it read for them; its webhook answers the API server alone.

    Attributes:
        store: Name of the cluster's secret store; known once it works.
        ready: Exist once secrets can be read.
    """

    args_type = AwsSecretsArgs

    store: pulumi.Output[str]
    ready: Sequence[pulumi.Resource]

    def build(self, args: AwsSecretsArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        document = pulumi.Output.all(args.account, args.key_arn).apply(
            lambda it: render(reader_document(args.environment, it[0], args.region, it[1], args.databases))
        )
        identity = AwsIdentity(
            f"{self.name}-operator",
            AwsIdentityArgs(
                environment=args.environment,
                name=_PART,
                namespace=NAMESPACE,
                service_account=_PART,
                oidc_provider_arn=args.oidc_provider_arn,
                oidc_issuer_host=args.oidc_issuer_host,
                policy=document,
            ),
            self.child(),
        )
        namespace = Namespace(NAMESPACE, NamespaceArgs(), self.child())
        # Also on the way out: what the operator made is gone only once it has let go of it.
        reach = self._network(namespace.namespace)
        chart = Chart(
            _PART,
            ChartArgs(
                part=_PART,
                namespace=namespace.namespace,
                values=values(args.image, identity.identity.annotations, args.replicas, args.pool),
                source=args.chart_source,
                location=args.chart_location,
            ),
            self.child(depends_on=[namespace, identity, *reach]),
        )
        store = kubernetes.apiextensions.CustomResource(
            f"{self.name}-store",
            api_version=API,
            kind=STORE_KIND,
            metadata=meta.v1.ObjectMetaArgs(
                name=STORE,
                # Created means: Secrets Manager has let the operator in.
                annotations={"pulumi.com/waitFor": "condition=Ready"},
            ),
            spec={
                "provider": {"aws": {"service": "SecretsManager", "region": args.region}},
                "conditions": [{"namespaces": list(args.namespaces)}],
            },
            # The chart is there once its webhook answers, which reviews every store.
            opts=self.child(depends_on=[chart]),
        )
        self.store = store.id.apply(lambda _: STORE)
        self.ready = [store]
        return {"store": self.store}

    def _network(self, namespace: pulumi.Input[str]) -> list[pulumi.Resource]:
        """Lets the operator call the APIs of the cluster and of AWS, and the API server call its webhook."""
        reach = policy(
            f"{self.name}-operator",
            namespace,
            {},
            _OPERATOR_PODS,
            # That is port 443 anywhere, where AWS answers too.
            kubernetes_api=True,
            opts=self.child(),
        )
        webhook = kubernetes.networking.v1.NetworkPolicy(
            f"{self.name}-webhook",
            metadata=meta.v1.ObjectMetaArgs(name=f"{self.name}-webhook", namespace=namespace),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels=_WEBHOOK_PODS),
                policy_types=["Ingress"],
                # The API server is no pod, so no selector finds it.
                ingress=[
                    networking.v1.NetworkPolicyIngressRuleArgs(
                        ports=[networking.v1.NetworkPolicyPortArgs(protocol="TCP", port=_WEBHOOK_PORT)]
                    )
                ],
            ),
            opts=self.child(),
        )
        return [reach, webhook]
