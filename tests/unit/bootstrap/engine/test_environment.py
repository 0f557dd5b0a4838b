import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap import engine
from bootstrap.errors import ColonnadeError
from bootstrap.toolchain import official


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("PULUMI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi"))
    monkeypatch.setattr(official, "find", lambda: None)
    return tmp_path


@pytest.fixture
def venv(home: Path) -> Path:
    script = home / "venv" / "bin" / "activate"
    script.parent.mkdir(parents=True)
    script.write_text("PATH=/venv:$PATH\nexport PATH\n")
    return home / "venv"


def test_environment_is_complete_for_the_built_engine(home: Path) -> None:
    variables = engine.engine_environment("file:///states")
    assert variables["PATH"].split(":")[0] == f"{sys.prefix}/bin"
    assert variables["PATH"].split(":").count(f"{sys.prefix}/bin") == 1
    assert variables["HOME"] == os.environ["HOME"]
    assert variables["PULUMI_BACKEND_URL"] == "file:///states"
    assert variables["PULUMI_SKIP_UPDATE_CHECK"] == "true"
    assert variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert variables["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(home / "config" / "colonnade" / "passphrase")
    assert "PULUMI_BACKEND_URL" not in engine.engine_environment()


def test_no_proxy_stands_between_the_engine_and_a_cluster_here(
    venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    assert engine.engine_environment()["NO_PROXY"] == "intranet.example,198.19.0.0/16"
    monkeypatch.setenv("NO_PROXY", "198.19.0.0/16")
    assert engine.engine_environment()["NO_PROXY"] == "198.19.0.0/16"
    engine.activate(venv)
    for before, after in [("", "198.19.0.0/16"), ("a.example", "a.example,198.19.0.0/16")]:
        script = f". {venv}/bin/activate; . {venv}/bin/activate; echo $NO_PROXY"
        shown = subprocess.run(
            ["sh", "-c", script], env={"NO_PROXY": before}, capture_output=True, text=True, check=True
        )
        assert shown.stdout.strip() == after


def test_an_official_engine_may_fetch_its_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(official, "find", lambda: Path("/opt/pulumi/pulumi"))
    assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" not in engine.engine_environment()


@pytest.mark.parametrize("name", ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
@pytest.mark.parametrize("value", ["own", ""])
def test_a_passphrase_of_the_user_is_respected(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    variables = engine.engine_environment()
    assert {n: v for n, v in variables.items() if "PASSPHRASE" in n} == {name: value}
    assert not (home / "config").exists()


def test_passphrase_is_private_and_made_once(home: Path) -> None:
    path = engine.passphrase_file()
    first = path.read_text()
    assert len(first.strip()) >= 40
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert engine.passphrase_file().read_text() == first
    assert first.strip() not in "".join(p.read_text() for p in (home / "pulumi").iterdir())
    assert [entry.name for entry in path.parent.iterdir()] == ["passphrase"]


def test_a_lost_passphrase_is_not_replaced(home: Path) -> None:
    path = engine.passphrase_file()
    path.unlink()
    with pytest.raises(
        ColonnadeError, match=r"passphrase is lost|is lost, and stacks are encrypted"
    ) as raised:
        engine.passphrase_file()
    assert str(path) in str(raised.value)
    assert not path.exists()
    (home / "pulumi" / "colonnade-passphrase.sha256").unlink()
    assert engine.passphrase_file().is_file()


def test_a_changed_passphrase_is_noticed() -> None:
    engine.passphrase_file().write_text("other\n")
    with pytest.raises(ColonnadeError, match="another passphrase"):
        engine.engine_environment()


def sourced(venv: Path, **variables: str) -> dict[str, str]:
    shown = subprocess.run(
        ["bash", "-euc", f". {venv}/bin/activate; env -0"],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(entry.split("=", 1) for entry in shown.stdout.split("\0") if entry)


def test_activation_exports_what_plain_pulumi_needs(home: Path, venv: Path) -> None:
    engine.activate(venv)
    variables = sourced(venv)
    assert variables["PATH"].startswith("/venv:")
    expected = engine.engine_environment()
    wanted = {name for name in expected if name.startswith("PULUMI_")} - {"PULUMI_HOME"}
    assert {n: v for n, v in variables.items() if n.startswith("PULUMI_")} == {n: expected[n] for n in wanted}
    assert (home / "config" / "colonnade" / "passphrase").is_file()


def test_activation_respects_a_passphrase_of_the_user(venv: Path) -> None:
    engine.activate(venv)
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in sourced(venv, PULUMI_CONFIG_PASSPHRASE="")


def test_activation_is_written_once_and_renewed(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.activate(venv)
    script = venv / "bin" / "activate"
    script.write_text(script.read_text() + "# theirs\n")
    once, written = script.read_text(), script.stat().st_mtime_ns
    engine.activate(venv)
    assert (script.read_text(), script.stat().st_mtime_ns) == (once, written)
    monkeypatch.setattr(official, "find", lambda: Path("/opt/pulumi/pulumi"))
    engine.activate(venv)
    assert script.read_text().count("# >>> colonnade >>>") == 1
    assert script.read_text().endswith("# theirs\n")
    assert "ACQUISITION" not in script.read_text()


def test_activation_needs_a_script(home: Path) -> None:
    with pytest.raises(ColonnadeError, match=r"activate is missing"):
        engine.activate(home)
