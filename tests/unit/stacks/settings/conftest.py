"""Settings to start from, and a program's configuration as the engine hands it over."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import hypothesis
import pulumi
import pytest
from pulumi.runtime import config as engine_config
from pulumi.runtime.settings import Settings as EngineSettings
from pulumi.runtime.settings import configure

# A busy machine is no fault of the code.
relaxed = hypothesis.settings(deadline=None, max_examples=50)

DIGEST = "a" * 64
IMAGES = {
    name: f"registry.example.com/colonnade/{name}@sha256:{DIGEST}"
    for name in ("postgresql", "valkey", "mlflow", "feast", "toolbox")
}
ON_PREMISES: dict[str, Any] = {
    "foundation": "on-premises",
    "tier": "development",
    "owner": "platform-team",
    "cost_center": "ml-1200",
    "cluster": {"kubeconfig": "~/.kube/config", "context": "lab"},
    "edge": {"domain": "ml.example.com", "tls": {"issuer": "internal"}},
    "images": IMAGES,
}
AWS: dict[str, Any] = {
    "foundation": "aws",
    "tier": "production",
    "region": "eu-central-1",
    "account": "123456789012",
    "owner": "platform-team",
    "cost_center": "ml-1200",
    "edge": {"domain": "ml.example.com", "dns": {"validation_zone_id": "Z0123456789EXAMPLE"}},
    "images": IMAGES,
}


def with_values(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a copy of settings with values set at dotted paths."""
    changed: dict[str, Any] = copy.deepcopy(dict(base))
    for path, value in changes.items():
        *above, last = path.split(".")
        here = changed
        for name in above:
            here = here.setdefault(name, {})
        here[last] = value
    return changed


def as_engine(settings: Mapping[str, Any]) -> dict[str, str]:
    """Returns configuration as the engine hands it to a program: text, and JSON for all else."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}


@pytest.fixture
def program() -> Iterator[Callable[..., None]]:
    """A function that puts a program in place: its configuration, its secret keys and its stack's name."""
    before = dict(engine_config.CONFIG.get())

    def configure_program(
        config: Mapping[str, str], secrets: tuple[str, ...] = (), stack: str = "lab"
    ) -> None:
        configure(EngineSettings(project="colonnade", stack=stack))
        pulumi.runtime.set_all_config(dict(config), list(secrets))

    yield configure_program
    pulumi.runtime.set_all_config(before, [])
