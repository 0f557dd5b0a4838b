import re
from pathlib import Path

import pytest

from bootstrap.errors import ColonnadeError
from bootstrap.toolchain import go
from bootstrap.toolchain.manifest import HOME, manifest
from tests.unit.bootstrap.toolchain.conftest import MANIFEST, Workbench

REQUIRED = {
    *("pulumi", "pulumi-language-python-exec", "pulumi-resource-kubernetes", "etcd", "kube-apiserver"),
    *(
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-proxy",
        "kubectl",
        "kube-router",
        "coredns",
    ),
    *("local-path-provisioner", "registry", "traefik", "lakefs", "weed", "kwok"),
}


def test_declares_every_executable_that_the_platform_runs() -> None:
    assert {name for tool in manifest().go for name in tool.binaries} == REQUIRED
    assert {tool.name for tool in manifest().python} == {"pulumi-language-python", "pulumi-resource-random"}


@pytest.mark.parametrize("tool", manifest().go, ids=lambda tool: tool.name)
def test_every_module_is_pinned_by_its_sums(tool) -> None:  # type: ignore[no-untyped-def]
    lines = (tool.module_directory / "go.sum").read_text().splitlines()
    assert lines
    assert all(len(line.split()) == 3 and line.split()[2].startswith("h1:") for line in lines)
    assert go.parse_version(go.wanted_version(tool.module_directory)) >= (1, 26)
    assert not list(tool.module_directory.glob("*.json")), (
        "files of a module are taken at build time, not kept"
    )


def test_a_version_is_the_one_that_go_mod_pins() -> None:
    # Two modules are served under pseudo-versions only; their go.mod cannot show the release.
    # Charts come out of several.
    untagged = {"pulumi-resource-kubernetes", "seaweedfs", "charts"}
    wrong = {
        tool.name
        for tool in manifest().go
        if not re.search(
            rf" v{re.escape(tool.version)}$", (tool.module_directory / "go.mod").read_text(), re.M
        )
    }
    assert wrong == untagged


def test_every_module_directory_is_declared() -> None:
    assert {path.name for path in (HOME / "modules").iterdir()} == {tool.name for tool in manifest().go}


def test_a_kubernetes_version_is_told_to_the_linker() -> None:
    tool = manifest().tool("kubernetes")
    assert f"gitVersion=v{tool.version} " in tool.ldflags.format(version=tool.version)


@pytest.mark.usefixtures("workbench")
def test_selects_by_tool_by_binary_by_group_and_all() -> None:
    def names(*wanted: str) -> list[str]:
        return [tool.name for tool in manifest().select(wanted)]

    assert names("pulumi") == ["pulumi"]
    assert names("kubectl") == ["cluster"]
    assert names("engine") == ["pulumi"]
    assert names("kubectl", "pulumi-exec") == ["pulumi", "cluster"]
    assert names() == ["pulumi", "cluster"]


@pytest.mark.usefixtures("workbench")
def test_an_unknown_tool_is_refused_with_those_that_exist() -> None:
    for ask in (
        lambda: manifest().tool("vim"),
        lambda: manifest().select(["vim"]),
        lambda: manifest().owner("vim"),
    ):
        with pytest.raises(ColonnadeError, match=r"unknown tool 'vim'; fix: name one of .*kubelet|cluster"):
            ask()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("seconds = 30", "seconds = 0", "greater than 0"),
        ("seconds = 30", "second = 30", "Extra inputs"),
        ('name = "cluster"', 'name = "pulumi"', "declared twice: pulumi"),
        ("kubelet = ", "kubelet-2 = ", "not named like their packages"),
        ("[official]", "[official", "toolchain.toml"),
    ],
)
def test_a_wrong_manifest_is_one_line(workbench: Workbench, old: str, new: str, fault: str) -> None:
    (workbench.home / "toolchain.toml").write_text(MANIFEST.replace(old, new))
    with pytest.raises(ColonnadeError) as caught:
        manifest()
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_manifest_is_an_error(workbench: Workbench) -> None:
    Path(workbench.home / "toolchain.toml").unlink()
    with pytest.raises(ColonnadeError, match="restore the file"):
        manifest()
