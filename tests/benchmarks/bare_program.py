"""Writes the floor of `preview-local`: the same resources, straight from the SDKs, without components."""

import json
import pprint
from collections.abc import Mapping, Sequence
from typing import Any

HEADER = '''"""Generated: the resources of one exported preview, without components."""
import json

import pulumi
import pulumi_kubernetes
import pulumi_random
{imports}
kubernetes = pulumi_kubernetes.Provider({kubernetes_name!r}, **{kubernetes_inputs})
random = pulumi_random.Provider({random_name!r})
{providers}'''

AWS = """aws = pulumi_aws.Provider(
    {name!r}, region={region!r}, allowed_account_ids={accounts!r}, default_tags={tags!r}
)
"""

# Remote components bring their own children, in the floor as in the program.
REMOTE_COMPONENTS = ("kubernetes:yaml/v2:", "kubernetes:helm.sh/v4:")


def bare_program(
    preview: Mapping[str, Any], remote_inputs: Mapping[str, Mapping[str, Any]], ordered: bool
) -> str:
    """Returns a Pulumi program with the resources of `pulumi preview --json`, each as a flat SDK call.

    Args:
        preview: The parsed preview.
        remote_inputs: Inputs of remote components by name, since previews do not tell them.
        ordered: Whether each resource waits for those that it depends on, as it must for `up` to work.

    Raises:
        ValueError: The preview holds a type that this generator does not know.
    """
    states = [step["newState"] for step in preview["steps"] if "newState" in step]
    by_urn = {state["urn"]: state for state in states}
    remote = {state["urn"] for state in states if state["type"].startswith(REMOTE_COMPONENTS)}
    providers = {state["type"]: state for state in states if state["type"].startswith("pulumi:providers:")}
    kubernetes = providers["pulumi:providers:kubernetes"]
    cloud = providers.get("pulumi:providers:aws")
    lines = [
        HEADER.format(
            imports="import pulumi_aws\n" if cloud else "",
            providers=_aws(cloud) if cloud else "",
            kubernetes_name=_name(kubernetes["urn"]),
            kubernetes_inputs=_literal(
                {_snake(k): v for k, v in kubernetes["inputs"].items() if k in ("kubeconfig", "context")}
            ),
            random_name=_name(providers["pulumi:providers:random"]["urn"]),
        ),
        "made = {}",
    ]
    written: set[str] = set()
    for state in states:
        if _made_by(state["urn"], by_urn, remote) != state["urn"]:
            continue
        if state["urn"] in remote:
            state = {**state, "inputs": remote_inputs[_name(state["urn"])]}
        before = {_made_by(urn, by_urn, remote) for urn in state.get("dependencies", [])} & written
        call = _call(state, sorted(before) if ordered else [])
        if call:
            lines.append(call)
            written.add(state["urn"])
    return "\n".join(lines) + "\n"


def _aws(state: Mapping[str, Any]) -> str:
    """Returns the provider of AWS as the program has it; nested inputs travel as JSON."""
    inputs = state["inputs"]
    nested = {
        key: json.loads(value) if isinstance(value, str) else value
        for key, value in inputs.items()
        if key in ("allowedAccountIds", "defaultTags")
    }
    return AWS.format(
        name=_name(state["urn"]),
        region=inputs["region"],
        accounts=nested["allowedAccountIds"],
        tags=nested["defaultTags"],
    )


def _call(state: Mapping[str, Any], before: Sequence[str]) -> str | None:
    """Returns the SDK call that makes one resource; components of our own and the stack make none."""
    kind, inputs = state["type"], state.get("inputs", {})
    if kind.startswith(("colonnade:", "pulumi:pulumi:Stack", "pulumi:providers:")):
        return None
    package, module, name = kind.split(":")
    if package == "aws":
        call, provider = f"pulumi_aws.{module.partition('/')[0]}.{name}", "aws"
        # What the provider itself adds.
        inputs = {key: value for key, value in inputs.items() if key != "tagsAll"}
    elif package == "random":
        call, provider = f"pulumi_random.{name}", "random"
    elif package == "kubernetes":
        provider = "kubernetes"
        path = module.removeprefix("helm.sh/v4").replace("/", ".") or "helm.v4"
        group = path.split(".")[0] if ".k8s.io" in module else path.rsplit(".", 1)[0]
        version = path.rsplit(".", 1)[1]
        known = group in KUBERNETES_GROUPS
        call = (
            f"pulumi_kubernetes.{group}.{version}.{name}"
            if known
            else "pulumi_kubernetes.apiextensions.CustomResource"
        )
        if not known:
            inputs = {"apiVersion": module, **inputs}
    else:
        raise ValueError(f"no SDK call is known for {kind}")
    arguments = {_snake(key): value for key, value in inputs.items() if not key.startswith("__")}
    if package == "kubernetes" and call != "pulumi_kubernetes.apiextensions.CustomResource":
        arguments = {key: value for key, value in arguments.items() if key not in ("api_version", "kind")}
    waits = ", ".join(f"made[{urn!r}]" for urn in before)
    return (
        f"made[{state['urn']!r}] = {call}({_name(state['urn'])!r}, **{_literal(arguments)}, "
        f"opts=pulumi.ResourceOptions(provider={provider}, depends_on=[{waits}]))"
    )


KUBERNETES_GROUPS = {
    "core", "apps", "batch", "policy", "networking", "rbac", "storage", "apiextensions",
    "admissionregistration", "yaml", "helm",
}  # fmt: skip


def _made_by(urn: str, by_urn: Mapping[str, Any], remote: set[str]) -> str:
    """Returns the remote component that makes this resource, or the resource itself."""
    parent = by_urn.get(urn, {}).get("parent")
    while parent:
        if parent in remote:
            return str(parent)
        parent = by_urn.get(parent, {}).get("parent")
    return urn


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[1]


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)


def _literal(value: Any) -> str:
    """Returns Python for a value; unknown ones travel as they are, secret ones become secret again."""
    text = pprint.pformat(json.loads(json.dumps(value)), width=110)
    # The data of a Secret is hidden as a whole, and the API server refuses anything but a mapping there.
    text = text.replace("'data': '[secret]'", "'data': pulumi.Output.secret({'value': 'dmFsdWU='})")
    return text.replace("'[secret]'", "pulumi.Output.secret('a-value-long-enough-for-any')")
