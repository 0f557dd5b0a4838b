"""The whole program against recorded mocks: what a stack is made of, part by part."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.foundation.contract import ContractError
from stacks.composition import compose, consumers, images, required
from stacks.settings import Settings, load_file
from stacks.settings.local import local_stack_file

OWN = ("postgresql", "valkey", "mlflow", "feast", "toolbox")


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    """Makes the settings of stack `local` with some of them changed."""
    for name in ("tls.crt", "tls.key", "ca.crt"):
        (tmp_path / name).write_text(f"PEM {name}\n")
    (tmp_path / "gateway-api-1.4.0.yaml").write_text("")

    def make(changes: Mapping[str, Any] | None = None) -> Settings:
        import yaml

        text = local_stack_file(
            kubeconfig=tmp_path / "kubeconfig",
            context="colonnade-local",
            domain="local.colonnade.internal",
            address="198.19.0.2",
            certificate=tmp_path / "tls.crt",
            private_key=tmp_path / "tls.key",
            ca=tmp_path / "ca.crt",
            images={name: f"198.19.0.2:5000/colonnade/{name}@sha256:{'a' * 64}" for name in OWN},
            registry="198.19.0.2:5000",
            charts=tmp_path,
        )
        document = yaml.safe_load(text)
        document["config"] |= {f"colonnade:{key}": value for key, value in (changes or {}).items()}
        path = tmp_path / "Pulumi.local.yaml"
        path.write_text(yaml.safe_dump(document))
        return load_file(path)

    return make


@pytest.fixture
def run(run_program: Any) -> Any:
    """Runs the program with what the random provider would return."""
    drawn = {"random:index/randomString:RandomString": {"result": "AKIDEXAMPLE"}}
    return lambda program: run_program(program, outputs=drawn)


def test_every_consumer_names_its_own_database(settings: Any) -> None:
    wanted = consumers(settings())
    assert [consumer.name for consumer in wanted] == ["lakefs", "feast", "mlflow", "mlflow-auth"]
    assert len({consumer.database for consumer in wanted}) == 4


def test_the_whole_platform_is_composed(settings: Any, run: Any) -> None:
    recorded = run(lambda: compose(settings()))
    outputs = {name: recorded.value(value) for name, value in recorded.result.items()}
    assert outputs["mlflow_url"] == "https://mlflow.local.colonnade.internal"
    assert outputs["lakefs_url"] == "https://lakefs.local.colonnade.internal"
    assert outputs["features_url"] == "https://features.local.colonnade.internal"
    assert outputs["s3_url"] == "https://s3.local.colonnade.internal"
    secret = {name for name, value in recorded.result.items() if recorded.is_secret(value)}
    assert secret == {"lakefs_secret_access_key", "mlflow_password"}


def test_all_resources_have_an_explicit_provider(settings: Any, run: Any) -> None:
    recorded = run(lambda: compose(settings()))
    provided = [r for r in recorded.resources if r.custom and not r.type.startswith("pulumi:providers:")]
    assert provided
    without = [f"{r.type} {r.name}" for r in provided if not r.provider]
    assert not without


@pytest.mark.parametrize(
    ("part", "gone"),
    [
        ({"data": {"lakefs": {"enabled": False}}}, "lakefs_url"),
        ({"data": {"feast": {"enabled": False}}}, "features_url"),
        ({"experimentation": {"mlflow": {"enabled": False}}}, "mlflow_url"),
    ],
)
def test_each_part_can_be_left_out(settings: Any, run: Any, part: dict[str, Any], gone: str) -> None:
    """Case 19."""
    whole = run(lambda: compose(settings()))
    less = run(lambda: compose(settings(part)))
    assert set(whole.result) - set(less.result) >= {gone}
    assert len(less.resources) < len(whole.resources)


def test_nothing_at_all_is_still_a_foundation(settings: Any, run: Any) -> None:
    """Case 19, all parts at once."""
    off = {"enabled": False}
    recorded = run(
        lambda: compose(settings({"data": {"lakefs": off, "feast": off}, "experimentation": {"mlflow": off}}))
    )
    assert not recorded.all("kubernetes:apps/v1:StatefulSet", "database")
    assert recorded.one("colonnade:index:Edge")


def test_protection_reaches_what_keeps_data(settings: Any, run: Any) -> None:
    """Case 16."""
    kept = run(lambda: compose(settings({"protect": True})))
    free = run(lambda: compose(settings()))
    protected = {r.name for r in kept.resources if r.protect}
    assert {"database", "object-store", "cache"} <= protected
    assert not [r.name for r in free.resources if r.protect]


def test_the_certificate_s_key_is_secret_on_the_wire(settings: Any, run: Any) -> None:
    """Case 5."""
    recorded = run(lambda: compose(settings()))
    holders = [r for r in recorded.resources if "PEM tls.key" in str(r.inputs)]
    assert holders, "the key reaches no resource, so the test would see nothing"
    shown = [
        f"{r.type} {r.name}: {path}"
        for r in holders
        for path in paths_of("PEM tls.key", r.inputs)
        if not any(path == hidden or path.startswith((f"{hidden}.", f"{hidden}[")) for hidden in r.secrets)
    ]
    assert not shown


def paths_of(needle: str, value: Any, path: str = "") -> list[str]:
    """Returns the dotted paths at which a value holds the needle."""
    if isinstance(value, Mapping):
        return [
            found
            for key, item in value.items()
            for found in paths_of(needle, item, f"{path}.{key}" if path else key)
        ]
    if isinstance(value, list):
        return [found for i, item in enumerate(value) for found in paths_of(needle, item, f"{path}[{i}]")]
    return [path] if needle in str(value) else []


def test_production_s_database_is_replicated_and_backed_up(
    settings: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.foundation.on_premises import foundation

    given: list[foundation.DatabaseSettings] = []
    build = foundation.OnPremisesFoundation.build

    def remember(self: Any, args: foundation.OnPremisesFoundationArgs) -> Any:
        given.append(args.database)
        return build(self, args)

    monkeypatch.setattr(foundation.OnPremisesFoundation, "build", remember)
    production = {"tier": "production", "sources": {"charts": {"kind": "upstream"}}}
    run(lambda: compose(settings(production)))
    assert given[0].mode == "cloudnative-pg"
    assert given[0].backups
    assert given[0].instances >= 2


def test_a_mirror_changes_the_host_of_upstream_images_alone(settings: Any) -> None:
    mirrored = images(
        settings({"sources": {"images": {"kind": "mirror", "location": "registry.bank.example/hub"}}})
    )
    assert mirrored["lakefs"].startswith("registry.bank.example/hub/treeverse/lakefs:")
    assert mirrored["mlflow"].startswith("198.19.0.2:5000/colonnade/mlflow@sha256:")


def test_a_foundation_that_grants_less_is_told() -> None:
    with pytest.raises(ContractError, match="granted less"):
        required(None)
