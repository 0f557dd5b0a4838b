import os
from pathlib import Path

import pytest

from bootstrap.errors import ColonnadeError
from bootstrap.toolchain import debian
from bootstrap.toolchain.manifest import DebianPackage
from tests.unit.bootstrap.toolchain.conftest import MANIFEST, Workbench

PACKAGE = DebianPackage(name="containerd", provides=("containerd",))


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "policy-rc.d"
    monkeypatch.setattr(debian, "_POLICY", path)
    return path


@pytest.fixture
def apt(workbench: Workbench, policy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts an apt-get on PATH that records its arguments and the policy that it meets."""
    log = workbench.fake / "apt"
    workbench.executable("apt-get", f'#!/bin/sh\necho "$*" >> {log}\ncp {policy} {log}.policy\n')
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return log


def test_installs_nothing_where_nothing_is_missing(apt: Path) -> None:
    assert debian.missing() == []
    debian.install(debian.missing())
    assert not apt.exists()


def test_finds_missing_packages(workbench: Workbench) -> None:
    (workbench.home / "toolchain.toml").write_text(MANIFEST.replace('["sh"]', '["sh", "/no/such/file"]'))
    assert [package.name for package in debian.missing()] == ["shell"]


def test_installs_without_starting_services_and_leaves_no_policy(apt: Path, policy: Path) -> None:
    debian.install([PACKAGE])
    assert apt.read_text().splitlines() == [
        "update --quiet",
        "install --yes --no-install-recommends containerd",
    ]
    assert Path(f"{apt}.policy").read_text().endswith("exit 101\n")
    assert not policy.exists()


def test_a_policy_of_the_owner_is_kept(apt: Path, policy: Path) -> None:
    policy.write_text("#!/bin/sh\nexit 0\n")
    debian.install([PACKAGE])
    assert apt.exists()
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_a_policy_that_a_killed_run_left_is_removed(apt: Path, policy: Path) -> None:
    policy.write_text(f"#!/bin/sh\n{debian._MARK}exit 101\n")
    debian.install([PACKAGE])
    assert apt.exists()
    assert not policy.exists()


def test_a_failure_shows_the_last_lines_and_leaves_no_policy(
    apt: Path, policy: Path, workbench: Workbench
) -> None:
    workbench.executable("apt-get", "#!/bin/sh\necho E: no such package >&2\nexit 100\n")
    with pytest.raises(
        ColonnadeError, match=r"`apt-get update` failed: E: no such package; fix: sudo apt-get"
    ):
        debian.install([PACKAGE])
    assert not policy.exists()
    assert not apt.exists()


def test_only_root_installs(apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ColonnadeError) as caught:
        debian.install([PACKAGE])
    assert str(caught.value) == (
        "packages are missing and only root can install them: containerd; "
        "fix: sudo apt-get install --yes --no-install-recommends containerd"
    )
    assert not apt.exists()


def test_without_apt_the_packages_are_named(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(workbench.path))
    with pytest.raises(ColonnadeError, match="packages are missing: containerd; fix: install them"):
        debian.install([PACKAGE])


def test_knows_the_version_of_an_installed_package(workbench: Workbench) -> None:
    workbench.executable("dpkg-query", '#!/bin/sh\n[ "$3" = runc ] && printf 1.1.5\n')
    assert debian.installed_version("runc") == "1.1.5"
    assert debian.installed_version("absent") == ""
    assert debian.install_command([PACKAGE])[-1] == "containerd"
