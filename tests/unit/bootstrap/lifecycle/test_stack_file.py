"""The generated stack file, and the names of stacks."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from bootstrap.errors import ColonnadeError
from bootstrap.lifecycle import stack_file

DIGEST = "sha256:" + "b" * 64


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stack_file, "directory", lambda: tmp_path)
    monkeypatch.setattr(stack_file, "module_file", lambda _tool, relative: tmp_path / "charts" / relative)
    return tmp_path


def cluster(address: str = "198.19.0.2") -> Any:
    return SimpleNamespace(
        kubeconfig=Path("/state/kubeconfig"),
        context="colonnade-local",
        domain="local.colonnade.internal",
        address=address,
        registry=f"{address}:5000",
        edge_certificate=Path("/state/tls.crt"),
        edge_key=Path("/state/tls.key"),
        edge_ca=Path("/state/ca.crt"),
    )


def images(address: str = "198.19.0.2") -> dict[str, str]:
    return {
        name: f"{address}:5000/colonnade/{name}@{DIGEST}"
        for name in ("postgresql", "valkey", "mlflow", "feast", "toolbox")
    }


@pytest.mark.parametrize("name", ["local", "local-e2e", "local-a1-b"])
def test_embedded_stacks(name: str) -> None:
    assert stack_file.is_embedded(name)


@pytest.mark.parametrize("name", ["locale", "on-premises-prod", "local-", "local_x", "prod-local"])
def test_other_stacks(name: str) -> None:
    assert not stack_file.is_embedded(name)


def test_what_the_user_set_is_kept_and_the_machine_is_written_anew(environments: Path) -> None:
    path = stack_file.write("local", cluster(), images())
    document = yaml.safe_load(path.read_text())
    document["config"]["colonnade:data"] = {"feast": {"enabled": False}}
    document["config"]["colonnade:owner"] = "risk"
    document["encryptionsalt"] = "v1:salt"
    path.write_text(yaml.safe_dump(document))
    again = yaml.safe_load(stack_file.write("local", cluster("198.19.9.2"), images("198.19.9.2")).read_text())
    assert again["config"]["colonnade:data"] == {"feast": {"enabled": False}}
    assert again["config"]["colonnade:owner"] == "risk"
    assert again["encryptionsalt"] == "v1:salt"
    assert again["config"]["colonnade:edge"]["external_addresses"] == ["198.19.9.2"]
    assert again["config"]["colonnade:images"]["mlflow"].startswith("198.19.9.2:5000/")
    assert [entry.name for entry in environments.iterdir()] == ["Pulumi.local.yaml"]


@pytest.mark.usefixtures("environments")
def test_writing_again_changes_nothing() -> None:
    first = stack_file.write("local", cluster(), images()).read_text()
    assert stack_file.write("local", cluster(), images()).read_text() == first


@pytest.mark.parametrize("text", ["config: [", "- a list\n", "config: 3\n"])
def test_a_file_that_is_none_is_named_and_left_alone(environments: Path, text: str) -> None:
    path = environments / "Pulumi.local.yaml"
    path.write_text(text)
    with pytest.raises(ColonnadeError, match=r"Pulumi\.local\.yaml is not a stack file.*fix: .*rm "):
        stack_file.write("local", cluster(), images())
    assert path.read_text() == text


def test_an_unknown_stack_lists_the_known_ones(environments: Path) -> None:
    (environments / "Pulumi.prod.yaml").write_text("config: {}\n")
    with pytest.raises(ColonnadeError, match=r"unknown stack 'pord'.*name one of local, prod"):
        stack_file.require("pord")
    with pytest.raises(ColonnadeError, match=r"'local-a' is not up.*fix: colonnade up --stack local-a"):
        stack_file.require("local-a")
    assert stack_file.require("prod") == environments / "Pulumi.prod.yaml"
