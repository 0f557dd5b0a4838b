"""Where a rehearsal takes place: the project as it is, and nothing of the user's."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.rehearsal import charts
from bootstrap.rehearsal.environment import Place

ROOT = Path(__file__).parents[4]
STACK = "on-premises-prod"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(charts, "prepare", lambda _: [])
    return Place(tmp_path)


def original() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(
        (ROOT / "stacks" / "environments" / f"Pulumi.{STACK}.yaml").read_text()
    )
    return loaded


def test_the_program_is_the_committed_one(place: Place) -> None:
    place.lay_out(STACK, {})
    for path in (ROOT / "stacks").rglob("*.py"):
        assert (place.project / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    described = yaml.safe_load((place.project / "Pulumi.yaml").read_text())
    assert described["main"] == "stacks"
    assert described["runtime"]["options"]["virtualenv"] == str(ROOT / ".venv")


def test_settings_differ_in_nothing_but_what_lies_outside(place: Place) -> None:
    place.lay_out(STACK, {"cluster": {"kubeconfig": "/k", "context": "c"}})
    [path] = (place.project / "stacks" / "environments").iterdir()
    assert path.name == f"Pulumi.{STACK}.yaml"
    before, after = original()["config"], place.read(STACK)["config"]
    assert {key for key in before if before[key] != after[key]} == {"colonnade:cluster"}
    assert after["colonnade:cluster"] == {**before["colonnade:cluster"], "kubeconfig": "/k", "context": "c"}
    charts_of = {"charts": {"kind": "directory", "location": str(place.root / "charts")}}
    assert {key: after[key] for key in after.keys() - before.keys()} == {"colonnade:sources": charts_of}


def test_encrypted_settings_become_throw_away_ones(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    folder = source / "stacks" / "environments"
    folder.mkdir(parents=True)
    (source / "Pulumi.yaml").write_text("name: colonnade\n")
    document = {
        "encryptionsalt": "v1:x",
        "secretsprovider": "awskms://key",
        "config": {
            "colonnade:edge": {"single_sign_on": {"client_secret": {"secure": "v1:y"}, "issuer": "https://i"}}
        },
    }
    (folder / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump(document))
    monkeypatch.setattr("bootstrap.rehearsal.environment.repository", lambda: source)
    place.lay_out(STACK, {})
    found = place.read(STACK)
    assert found.keys() == {"config"}
    shown = {"client_secret": "rehearsed", "issuer": "https://i"}
    assert found["config"]["colonnade:edge"]["single_sign_on"] == shown


def test_nothing_of_the_user_reaches_the_engine(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "KUBECONFIG", "ARM_CLIENT_ID", "GOOGLE_CREDENTIALS"):
        monkeypatch.setenv(name, "the user's")
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "the user's")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", "/the/user's")
    found = place.environment({"AWS_ACCESS_KEY_ID": "rehearsed"})
    assert "the user's" not in found.values()
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in found
    assert found["AWS_ACCESS_KEY_ID"] == "rehearsed"
    assert found["PULUMI_BACKEND_URL"] == f"file://{place.root / 'backend'}"
    assert Path(found["PULUMI_HOME"]).parent == Path(found["TMPDIR"]).parent == place.root
    assert found["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"


def test_the_engine_finds_stand_ins_before_everything_else(place: Place) -> None:
    place.lay_out(STACK, {})
    place.install("pulumi-resource-aws", "#!/bin/sh\necho stand-in\n")
    asked = subprocess.run(
        ["/bin/sh", "-c", "pulumi-resource-aws"],
        env=place.environment({}),
        check=True,
        capture_output=True,
        text=True,
    )
    assert asked.stdout == "stand-in\n"


def test_a_shell_can_enter_what_was_kept(place: Place) -> None:
    place.lay_out(STACK, {})
    entrance = place.entrance(place.environment({"AWS_REGION": "it's"}), Path("/k"))
    shown = subprocess.run(
        ["/bin/sh", "-c", f". {entrance}; pwd; echo $AWS_REGION $KUBECONFIG $PULUMI_HOME"],
        env={},
        check=True,
        capture_output=True,
        text=True,
    )
    assert shown.stdout == f"{place.project}\nit's /k {place.root / 'home'}\n"
