"""Identities: policies and principals that exist."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bootstrap.rehearsal.aws import policies, sources
from bootstrap.rehearsal.aws.rules.support import (
    ROLE,
    Account,
    Refusal,
    Resource,
    Rules,
    entries,
    first,
    value,
)

_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"


def _managed(path: str, arns: Iterable[Any]) -> Iterator[Refusal]:
    for arn in arns:
        managed = re.fullmatch(r"arn:aws[a-z-]*:iam::aws:policy(/.+)", str(arn))
        if managed and managed[1] not in sources.managed_policies():
            yield Refusal(
                path, f"AWS manages no policy {arn}", "moto iam aws_managed_policies", "NoSuchEntity"
            )


def _attachment(resource: Resource, _: Account) -> Iterator[Refusal]:
    yield from _managed("policyArn", [value(resource, "policyArn")])


def _role(resource: Resource, account: Account) -> Iterator[Refusal]:
    yield from _managed("managedPolicyArns", entries(resource, "managedPolicyArns"))
    yield from _managed("permissionsBoundary", [value(resource, "permissionsBoundary")])
    yield from principals_exist("assumeRolePolicy", value(resource, "assumeRolePolicy"), account)


def principals_exist(path: str, document: str, account: Account) -> Iterator[Refusal]:
    """Refuses a policy that names a role of this account which does not exist.

    A role that AWS makes by itself, for one of its services, is taken to exist.
    """
    for statement in policies.statements(document):
        who = statement.get("Principal")
        for arn in policies.listed(who.get("AWS")) if isinstance(who, Mapping) else []:
            role = re.fullmatch(rf"arn:aws[a-z-]*:iam::{account.id}:role/(?!aws-service-role/).+", arn)
            if role and first(account, ROLE, "arn", arn) is None:
                reason = f"names the principal {arn}, which does not exist"
                yield Refusal(
                    path,
                    reason,
                    "docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
                    "MalformedPolicyDocument",
                )


CREATING: Rules = {_ATTACHMENT: [_attachment], ROLE: [_role]}
