import re
from collections.abc import Callable

import pytest

from bootstrap.errors import ColonnadeError
from bootstrap.report.progress import Progress
from bootstrap.toolchain import binary, builder, manifest, module_file, store
from tests.unit.bootstrap.toolchain.conftest import MANIFEST, Workbench


def address(name: str = "cluster") -> str:
    manifest._read.cache_clear()
    store._go_version.cache_clear()
    return store.address(manifest.manifest().tool(name))


def built() -> None:
    with Progress("Building") as progress:
        builder.build(builder.wanted(), progress)


def test_equal_inputs_have_equal_addresses(workbench: Workbench) -> None:
    first = address()
    assert re.fullmatch(r"[0-9a-f]{24}", first)
    (workbench.home / "modules" / "cluster" / "notes.txt").write_text("not an input")
    assert address() == first


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "main.go"])
def test_each_module_file_is_an_input(workbench: Workbench, name: str) -> None:
    before, other = address(), address("pulumi")
    with (workbench.home / "modules" / "cluster" / name).open("a") as file:
        file.write("// changed\n")
    assert address() != before
    assert address("pulumi") == other


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.2.3", "1.2.4"),
        ("-X version", "-X other"),
        ("example.org/*", "example.com/*"),
        ("cluster/kubelet", "two/kubelet"),
    ],
)
def test_the_entry_is_an_input(workbench: Workbench, old: str, new: str) -> None:
    before = address()
    (workbench.home / "toolchain.toml").write_text(MANIFEST.replace(old, new))
    assert address() != before


@pytest.mark.parametrize(
    ("old", "new"),
    [("seconds = 90", "seconds = 91"), ("megabytes = 2", "megabytes = 3"), ('"cluster"\np', '"images"\np')],
)
def test_what_only_informs_is_no_input(workbench: Workbench, old: str, new: str) -> None:
    before = address()
    assert old in MANIFEST
    (workbench.home / "toolchain.toml").write_text(MANIFEST.replace(old, new))
    assert address() == before


def test_the_go_version_is_an_input(workbench: Workbench) -> None:
    before = address()
    (workbench.fake / "version").write_text("go1.27.0\n")
    assert address() != before


@pytest.mark.usefixtures("workbench")
def test_a_binary_that_is_not_built_names_the_fix() -> None:
    with pytest.raises(
        ColonnadeError, match=r"kubelet is not built: .*/bin/kubelet is missing; fix: make setup"
    ):
        binary("kubelet")
    with pytest.raises(ColonnadeError, match="fix: make setup"):
        module_file("pulumi", "crds.yaml")


@pytest.mark.usefixtures("workbench")
def test_an_unknown_binary_or_file_is_refused() -> None:
    with pytest.raises(ColonnadeError, match="unknown tool 'vim'"):
        binary("vim")
    with pytest.raises(
        ColonnadeError, match=r"pulumi keeps no file 'other\.yaml'; fix: name one of: .*crds\.yaml"
    ):
        module_file("pulumi", "other.yaml")


def test_finds_what_is_built(workbench: Workbench) -> None:
    built()
    place = workbench.cache / "toolchain" / "cluster" / address()
    assert binary("kubelet") == place / "bin" / "kubelet"
    assert binary("pulumi-exec").stat().st_mode & 0o111
    assert module_file("pulumi", "crds.yaml").read_text() == "a: 1\n---\nb: 1\n"


def test_finds_what_is_built_after_go_is_gone(workbench: Workbench, without_go: Callable[[], None]) -> None:
    built()
    place = binary("kubelet")
    without_go()
    assert binary("kubelet") == place
    assert place.is_relative_to(workbench.cache)
