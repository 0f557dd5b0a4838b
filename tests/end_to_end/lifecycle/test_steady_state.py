"""A platform that is up stays as it is, keeps its secrets to itself, and takes every optional part off."""

import base64
import json
import re
from pathlib import Path

import pytest
import yaml

from bootstrap.paths import cache_root
from tests.end_to_end.platform import ROOT, Platform


@pytest.fixture
def stack_file(platform: Platform) -> Path:
    return ROOT / "stacks" / "environments" / f"Pulumi.{platform.stack}.yaml"


def test_a_second_up_changes_nothing(platform: Platform) -> None:
    platform.pulumi("up", "--yes", "--expect-no-changes")


def test_refresh_finds_no_drift(platform: Platform) -> None:
    platform.pulumi("refresh", "--yes", "--expect-no-changes")


def secret_values(platform: Platform) -> set[str]:
    """Every generated password of the platform, read where the pods read it; key ids are shorter."""
    listed = json.loads(platform.kubectl("get", "secrets", "--all-namespaces", "-o", "json"))
    return {
        value
        for secret in listed["items"]
        if secret["metadata"]["namespace"].startswith("colonnade-")
        for encoded in secret["data"].values()
        for value in re.findall(r"\b[A-Za-z0-9]{24,64}\b", base64.b64decode(encoded).decode(errors="replace"))
        # Parts of the certificate are public, and names of hosts and services are words.
        if secret["type"] != "kubernetes.io/tls" and re.search("[0-9]", value)
    }


def test_no_secret_in_state_preview_log_or_output(platform: Platform) -> None:
    """Case 5."""
    secrets = secret_values(platform)
    assert len(secrets) >= 8, "the sentinels were not found where the pods read them"
    state = platform.pulumi("stack", "export").stdout
    preview = platform.pulumi("preview", "--diff").stdout
    output = platform.pulumi("stack", "output", "--json").stdout
    up = platform.colonnade("up", "--stack", platform.stack)
    places = (
        platform.cluster.layout.state.rglob("*.log"),
        (cache_root() / "logs").glob(f"{platform.stack}-*"),
    )
    logs = {
        str(path): path.read_text(errors="replace")
        for place in places
        for path in place
        if "containers" not in path.parts
    }
    names = {Path(path).name for path in logs}
    assert {"kube-apiserver.log", f"{platform.stack}-up.log", f"{platform.stack}-up.events"} <= names
    texts = {"state": state, "preview": preview, "outputs": output, "up": up.stdout + up.stderr, **logs}
    leaks = {(name, secret[:3]) for name, text in texts.items() for secret in secrets if secret in text}
    assert not leaks


@pytest.mark.parametrize("part", ["data.lakefs", "data.feast", "experimentation.mlflow"])
def test_each_optional_part_can_be_switched_off(platform: Platform, stack_file: Path, part: str) -> None:
    """Case 19."""
    before = stack_file.read_text()
    pillar, capability = part.split(".")
    document = yaml.safe_load(before)
    document["config"].setdefault(f"colonnade:{pillar}", {}).setdefault(capability, {})["enabled"] = False
    stack_file.write_text(yaml.safe_dump(document))
    try:
        steps = json.loads(platform.pulumi("preview", "--json").stdout)["steps"]
    finally:
        stack_file.write_text(before)
    deleted = {step["urn"].rsplit("::", 1)[1] for step in steps if step["op"] == "delete"}
    assert any(capability in name for name in deleted), (
        f"switching {part} off deletes nothing of it: {deleted}"
    )


def test_protected_parts_refuse_to_be_destroyed(platform: Platform, stack_file: Path) -> None:
    """Case 16."""
    before = stack_file.read_text()
    document = yaml.safe_load(before)
    document["config"]["colonnade:protect"] = True
    stack_file.write_text(yaml.safe_dump(document))
    try:
        platform.pulumi("up", "--yes")
        refused = platform.pulumi("destroy", "--yes", check=False)
    finally:
        stack_file.write_text(before)
    assert refused.returncode != 0
    assert "protect" in refused.stdout + refused.stderr
    # The one documented step; what was refused is then allowed.
    platform.pulumi("up", "--yes")
    platform.pulumi("destroy", "--preview-only")
    platform.pulumi("up", "--yes", "--expect-no-changes")
