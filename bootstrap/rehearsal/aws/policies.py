"""Policy documents: their grammar as IAM states it, known actions, and who must be named in each kind.

The grammar is judged by moto's validator, actions by the policies that AWS manages and botocore's operations.
"""

import fnmatch
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.policy_validation import (
    VALID_EFFECTS,
    VALID_STATEMENT_ELEMENTS,
    BaseIAMPolicyValidator,
    IAMPolicyDocumentValidator,
    IAMTrustPolicyDocumentValidator,
)

from bootstrap.rehearsal.aws import sources

Statement = Mapping[str, Any]

# Without one of them nobody could ever change the policy of the key again.
# https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
_ADMINISTERING = "kms:putkeypolicy"
_PRINCIPAL = re.compile(r"\*|\d{12}|arn:aws[a-z-]*:(iam|sts)::(\d{12}|cloudfront):\S+")
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?|[a-z0-9.-]+\.aws\.internal")
_FEDERATED = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(oidc|saml)-provider/\S+|[a-z0-9.-]+\.[a-z]+")


def identity(value: Any) -> str | None:
    """Returns what is wrong with a policy that is attached to a role, if anything."""

    def rules(statement: Statement) -> Iterator[str]:
        if "Principal" in statement or "NotPrincipal" in statement:
            yield "names a principal, which the policy of an identity must not"

    return _judge(value, IAMPolicyDocumentValidator, rules)


def trust(value: Any) -> str | None:
    """Returns what is wrong with the policy that says who may assume a role, if anything."""

    def rules(statement: Statement) -> Iterator[str]:
        yield from _principals(statement)
        if "Resource" in statement or "NotResource" in statement:
            yield "has the prohibited field Resource"

    return _judge(value, IAMTrustPolicyDocumentValidator, rules)


def resource(value: Any) -> str | None:
    """Returns what is wrong with a policy that is attached to a resource, if anything."""
    return _judge(value, IAMPolicyDocumentValidator, _principals)


def key(value: Any) -> str | None:
    """Returns what is wrong with the policy of a key, if anything: above all, that nobody may change it."""
    reason = resource(value)
    if reason is None and not any(_administers(statement) for statement in statements(value)):
        return (
            "lets no principal of the account change the policy again: allow it `kms:PutKeyPolicy` "
            "(botocore kms.CreateKey.BypassPolicyLockoutSafetyCheck)"
        )
    return reason


def image_lifecycle(value: Any) -> str | None:
    """Returns what is wrong with the lifecycle policy of a repository, if anything.

    docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
    """
    source = "docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html"
    try:
        rules = json.loads(value)["rules"]
        priorities = [rule["rulePriority"] for rule in rules]
        for rule in rules:
            selection, action = rule["selection"], rule["action"]["type"]
            tags = selection["tagStatus"]
            if tags not in ("tagged", "untagged", "any") or action not in ("expire", "transition"):
                return f"has tagStatus {tags!r} and action {action!r} ({source})"
            if tags == "tagged" and not (selection.get("tagPrefixList") or selection.get("tagPatternList")):
                return f"selects `tagged` images by neither prefix nor pattern ({source})"
            counted = selection["countType"]
            if counted not in ("imageCountMoreThan", "sinceImagePushed", "sinceImagePulled"):
                return f"has countType {counted!r} ({source})"
            if counted != "imageCountMoreThan" and selection.get("countUnit") != "days":
                return f"counts {counted} without the unit `days` ({source})"
            if int(selection["countNumber"]) < 1:
                return f"has countNumber {selection['countNumber']!r} ({source})"
    except (ValueError, KeyError, TypeError) as error:
        return f"is no lifecycle policy: {error!r} ({source})"
    if len(set(priorities)) < len(priorities):
        return f"gives one priority to several rules: {priorities} ({source})"
    return None


def statements(document: str) -> list[Statement]:
    """Returns the statements of a document that is well formed."""
    found = json.loads(document)["Statement"]
    return found if isinstance(found, list) else [found]


def listed(value: Any) -> list[Any]:
    """Returns the entries of what may be one or a list of them."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _judge(
    value: Any, validator: type[BaseIAMPolicyValidator], rules: Callable[[Statement], Iterator[str]]
) -> str | None:
    try:
        document = json.loads(value)
    except (TypeError, ValueError) as error:
        return f"is not JSON: {error}"
    if not isinstance(document, dict) or "Statement" not in document:
        return "is no policy document: it has no Statement"
    for index, statement in enumerate(listed(document["Statement"])):
        if not isinstance(statement, dict):
            return f"Statement[{index}] is no object"
        for reason in (*_elements(statement), *rules(statement), *_actions(statement)):
            return f"Statement[{index}] {reason}"
    try:
        validator(value).validate()
    except MalformedPolicyDocument as error:
        return f"MalformedPolicyDocument: {error.message} (moto iam)"
    return None


def _elements(statement: Statement) -> Iterator[str]:
    for name in statement:
        if name not in VALID_STATEMENT_ELEMENTS:
            yield f"has the unknown element {name!r}; known are {', '.join(VALID_STATEMENT_ELEMENTS)}"
    if statement.get("Effect") not in VALID_EFFECTS:
        yield f"has Effect {statement.get('Effect')!r}, neither Allow nor Deny"


def _actions(statement: Statement) -> Iterator[str]:
    for action in (*listed(statement.get("Action")), *listed(statement.get("NotAction"))):
        service, _, name = str(action).lower().partition(":")
        if not name:
            continue  # the grammar judges it
        known = sources.actions(service) | sources.operations(service)
        if not known:
            yield f"has action {action!r}, but no service has the prefix {service!r} (moto iam, botocore)"
        elif name != "*" and not fnmatch.filter(known, name):
            yield f"has action {action!r}, which {service} does not know (moto iam, botocore)"


def _principals(statement: Statement) -> Iterator[str]:
    principal = statement.get("Principal", statement.get("NotPrincipal"))
    if principal is None or principal == {}:
        yield "names no principal"
    elif isinstance(principal, str):
        if principal != "*":
            yield f"has principal {principal!r}, which must be '*' or an object"
    else:
        kinds = {
            "AWS": _PRINCIPAL,
            "Service": _SERVICE,
            "Federated": _FEDERATED,
            "CanonicalUser": re.compile(".+"),
        }
        for kind, named in principal.items():
            if kind not in kinds:
                yield f"has a principal of the unknown kind {kind!r}; known are {', '.join(kinds)}"
                continue
            for name in listed(named):
                if not kinds[kind].fullmatch(str(name)):
                    yield f"has principal {name!r}, which is nothing of kind {kind}"


def _administers(statement: Statement) -> bool:
    principal = statement.get("Principal")
    named = listed(principal.get("AWS")) if isinstance(principal, dict) else listed(principal)
    return (
        statement["Effect"] == "Allow"
        and bool(named)
        and any(fnmatch.fnmatchcase(_ADMINISTERING, str(a).lower()) for a in listed(statement.get("Action")))
    )
