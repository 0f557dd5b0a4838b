"""Workload identity: an IAM role that one service account may take, and nobody else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components import naming
from components.base import Component
from components.foundation.aws.documents import Document, document, render
from components.foundation.aws.tags import tags
from components.foundation.contract import Identity

ANNOTATION = "eks.amazonaws.com/role-arn"


def trust(provider_arn: str, issuer_host: str, namespace: str, service_account: str) -> Document:
    """Returns who may take a role: tokens of one service account, made for AWS and by this cluster."""
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": provider_arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{issuer_host}:sub": f"system:serviceaccount:{namespace}:{service_account}",
                    f"{issuer_host}:aud": "sts.amazonaws.com",
                }
            },
        }
    )


@dataclass(frozen=True)
class AwsIdentityArgs:
    """Arguments of `AwsIdentity`.

    Attributes:
        environment: Name of the environment.
        name: What the role is for, unique in the environment.
        namespace, service_account: Whose pods may take it.
        oidc_provider_arn, oidc_issuer_host: Who vouches for the service account.
        policy: What the role may do, as JSON; None for what `managed_policies` say alone.
        managed_policies: ARNs of policies that AWS keeps.
    """

    environment: str
    name: str
    namespace: str
    service_account: str
    oidc_provider_arn: pulumi.Input[str]
    oidc_issuer_host: pulumi.Input[str]
    policy: pulumi.Input[str] | None = None
    managed_policies: Sequence[str] = ()


class AwsIdentity(Component[AwsIdentityArgs]):
    """A role for the pods of one service account, without any long-lived key.

    Attributes:
        role_arn: ARN of the role; known once it may do all that it shall.
        identity: What the service account must carry.
    """

    args_type = AwsIdentityArgs

    role_arn: pulumi.Output[str]
    identity: Identity

    def build(self, args: AwsIdentityArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        role = aws.iam.Role(
            self.name,
            name=naming.physical("aws-iam-role", args.environment, args.name),
            assume_role_policy=pulumi.Output.all(args.oidc_provider_arn, args.oidc_issuer_host).apply(
                lambda it: render(trust(it[0], it[1], args.namespace, args.service_account))
            ),
            tags=tags(args.name),
            opts=self.child(),
        )
        allowed: list[pulumi.Output[Any]] = []
        if args.policy is not None:
            allowed.append(
                aws.iam.RolePolicy(
                    self.name, name=args.name, role=role.name, policy=args.policy, opts=self.child()
                ).id
            )
        allowed += [
            aws.iam.RolePolicyAttachment(
                f"{self.name}-{arn.rpartition('/')[2]}", role=role.name, policy_arn=arn, opts=self.child()
            ).id
            for arn in args.managed_policies
        ]
        self.role_arn = pulumi.Output.all(role.arn, *allowed).apply(lambda it: str(it[0]))
        self.identity = Identity(annotations={ANNOTATION: self.role_arn})
        return {"role_arn": self.role_arn}
