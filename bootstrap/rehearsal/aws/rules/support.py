"""What the rules share: reading values, following references, judging who may use what."""

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bootstrap.rehearsal.aws import policies
from bootstrap.rehearsal.standin.model import Account, Refusal, Resource, Rule

__all__ = ["Account", "Refusal", "Resource", "Rule", "Rules"]

Rules = Mapping[str, Sequence[Rule]]

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
KEY = "aws:kms/key:Key"
ROLE = "aws:iam/role:Role"


def value(resource: Resource, path: str) -> Any:
    """Returns the value at the path of names, or None; defaults are filled in."""
    found: Any = resource.outputs or resource.inputs
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def entries(resource: Resource, path: str) -> list[Any]:
    """Returns the list at the path; empty where there is none."""
    found = value(resource, path)
    return found if isinstance(found, list) else []


def others(resource: Resource, account: Account) -> list[Resource]:
    """Returns the further resources of the same type."""
    return [other for other in account.all(resource.type) if other.id != resource.id]


def first(account: Account, kind: str, output: str, wanted: Any) -> Resource | None:
    """Returns the first resource of the type with that output, or None."""
    return next(iter(account.find(kind, output, wanted)), None) if wanted is not None else None


def named(account: Account, kind: str, references: Sequence[Any]) -> list[Resource]:
    """Returns the resources of the type with these identifiers; those that do not exist are left out."""
    return [found for reference in references if (found := account.get(kind, reference)) is not None]


def zones_of(subnets: Sequence[Resource]) -> set[Any]:
    """Returns the availability zones of the subnets."""
    return {value(subnet, "availabilityZone") for subnet in subnets}


def one_vpc(
    resource: Resource, account: Account, subnets: str, groups: str = "", code: str = "InvalidParameterValue"
) -> Iterator[Refusal]:
    """Refuses subnets and security groups, by their paths, that are of different VPCs."""
    found = named(account, SUBNET, entries(resource, subnets))
    places = {value(subnet, "vpcId") for subnet in found}
    source = "docs.aws.amazon.com/vpc/latest/userguide/security-groups.html"
    if len(places) > 1:
        yield Refusal(
            subnets, f"the subnets are of different VPCs: {', '.join(sorted(places))}", source, code
        )
    for group in named(
        account, "aws:ec2/securityGroup:SecurityGroup", entries(resource, groups) if groups else []
    ):
        if places and value(group, "vpcId") not in places:
            yield Refusal(
                groups, f"{group.id} is of VPC {value(group, 'vpcId')}, not of the subnets'", source, code
            )


def key_of(account: Account, reference: Any) -> Resource | None:
    """Returns the key that an ARN, an identifier or an alias names, or None."""
    if reference is None:
        return None
    alias = account.get("aws:kms/alias:Alias", reference) or first(
        account, "aws:kms/alias:Alias", "arn", reference
    )
    wanted = value(alias, "targetKeyId") if alias else reference
    return account.get(KEY, wanted) or first(account, KEY, "arn", wanted)


def admits(key: Resource | None, principal: str, action: str) -> bool:
    """Returns whether the policy of the key itself lets that service or service-linked role act."""
    document = value(key, "policy") if key else None
    if not document:
        return False  # the default policy leaves all to the account's own identities
    for statement in policies.statements(document):
        who = statement.get("Principal")
        everybody = (
            policies.listed(who)
            if not isinstance(who, Mapping)
            else [p for v in who.values() for p in policies.listed(v)]
        )
        if (
            statement["Effect"] == "Allow"
            and any(
                fnmatch.fnmatchcase(action.lower(), str(a).lower())
                for a in policies.listed(statement.get("Action"))
            )
            and any(p == "*" or re.search(principal, p) for p in everybody)
        ):
            return True
    return False


def trusts(role: Resource, service: str) -> bool:
    """Returns whether the service may assume the role."""
    return any(
        statement["Effect"] == "Allow"
        and isinstance(who := statement.get("Principal"), Mapping)
        and service in policies.listed(who.get("Service"))
        for statement in policies.statements(value(role, "assumeRolePolicy"))
    )


def attached(role: Resource, account: Account) -> set[str]:
    """Returns the names of the managed policies that the role has."""
    of_role = account.find("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "role", value(role, "name"))
    arns = [value(attachment, "policyArn") for attachment in of_role] + entries(role, "managedPolicyArns")
    return {arn.rpartition("/")[2] for arn in arns}
