import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from rich.console import Console

from bootstrap.errors import ColonnadeError
from bootstrap.images import build, without_binaries
from bootstrap.images.definition import images
from bootstrap.images.registry import may_be_plain
from bootstrap.images.store import Shelf
from bootstrap.report.progress import Progress

from .conftest import Machine

QUIET = Progress("test", console=Console(quiet=True))
DIGEST = r"sha256:[0-9a-f]{64}"


def test_own_images_are_named_by_digest_in_the_registry_and_bases_are_not_pushed(machine: Machine) -> None:
    references = build("127.0.0.1:1", QUIET, ["pause", "mlflow"])
    assert list(references) == ["pause", "mlflow"]
    digest = machine.finished("mlflow")[0]
    assert references["mlflow"] == f"127.0.0.1:1/colonnade/mlflow@{digest}"
    pushed = machine.calls("skopeo")
    assert len(pushed) == 2
    assert all("--dest-tls-verify=false" in call and "--preserve-digests" in call for call in pushed)


def test_an_image_in_upstreams_place_keeps_its_repository_and_tag(machine: Machine) -> None:
    references = build("registry.example", QUIET, ["seaweedfs"])
    assert references["seaweedfs"].startswith("registry.example/chrislusf/seaweedfs@sha256:")
    (pushed,) = machine.calls("skopeo")
    assert pushed.rsplit(" ", 1)[1].startswith("docker://registry.example/chrislusf/seaweedfs:")
    assert "tls-verify=false" not in pushed


@pytest.mark.parametrize(
    ("registry", "plain"),
    [
        ("127.0.0.1:5000", True),
        ("localhost:5000", True),
        ("[::1]:5000", True),
        ("198.19.4.2:5000", True),
        ("10.0.0.8:5000", False),
        ("192.168.1.2", False),
        ("198.18.0.1:5000", False),
        ("[fd00::1]:5000", False),
        ("registry.example/hub", False),
    ],
)
def test_only_registries_on_this_machine_go_without_tls(registry: str, plain: bool) -> None:
    assert may_be_plain(registry) is plain


def test_without_a_registry_nothing_is_pushed(machine: Machine) -> None:
    references = build(None, QUIET, ["pause"])
    assert references["pause"] == f"colonnade/pause@{machine.finished('pause')[0]}"
    assert machine.calls("skopeo") == []


def test_unchanged_input_builds_nothing(machine: Machine) -> None:
    first = build(None, QUIET)
    assert machine.calls("buildah")
    assert build(None, QUIET) == first
    assert machine.calls("buildah") == []
    assert machine.calls("debootstrap") == []


def test_a_changed_binary_builds_only_the_images_that_hold_it(machine: Machine) -> None:
    build(None, QUIET, ["coredns", "valkey"])
    machine.calls("")
    machine.binary.write_bytes(b"\x7fELF static, newer")
    build(None, QUIET, ["coredns", "valkey"])
    assert len([call for call in machine.calls("buildah") if " bud " in call]) == 1


def test_an_official_base_takes_the_place_of_debootstrap(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    official = "docker.io/library/debian@sha256:" + "a" * 64
    monkeypatch.setenv("COLONNADE_BASE_IMAGE", official)
    assert "base" not in build(None, QUIET)
    assert machine.calls("debootstrap") == []
    first = machine.finished("valkey")
    monkeypatch.setenv("COLONNADE_BASE_IMAGE", official[:-1] + "b")
    build(None, QUIET, ["valkey"])
    assert len(machine.finished("valkey")) == len(first) + 1


def test_package_indexes_reach_the_build_but_no_command_line(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@index.example/simple")
    build(None, QUIET, ["mlflow"])
    calls = machine.calls("buildah")
    assert any("--build-arg PIP_INDEX_URL" in call for call in calls)
    assert not any("secret" in call for call in calls)


@pytest.mark.usefixtures("machine")
def test_what_a_killed_build_left_is_neither_used_nor_kept() -> None:
    shelf = Shelf("pause")
    left = shelf.root / "building" / "layout"
    left.mkdir(parents=True)
    (left / "index.json").write_text('{"manifests": [{"digest": "sha256:half"}]}')
    (left / "half").touch()
    references = build(None, QUIET, ["pause"])
    assert "half" not in references["pause"]
    assert list(shelf.root.glob("*/half")) == []
    assert not (shelf.root / "building").exists()


def test_a_layout_without_its_index_is_not_an_image(machine: Machine) -> None:
    (Shelf("pause").root / "abc" / "blobs").mkdir(parents=True)
    assert Shelf("pause").find("abc") is None
    assert machine.finished("pause") == []


def test_earlier_states_of_an_image_are_kept_but_not_forever(machine: Machine) -> None:
    for number in range(6):
        machine.binary.write_bytes(f"\x7fELF static {number}".encode())
        build(None, QUIET, ["coredns"])
    assert len(machine.finished("coredns")) == 4


def test_a_failing_package_is_one_line_with_the_log(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(None, QUIET, ["python"])
    monkeypatch.setenv("FAIL", "ERROR: No matching distribution found for mlflow==9")
    with pytest.raises(ColonnadeError) as failure:
        build(None, QUIET, ["mlflow"])
    assert "building image mlflow failed: ERROR: No matching distribution" in str(failure.value)
    assert failure.value.fix == f"see {machine.cache}/images/mlflow/build.log"
    assert machine.finished("mlflow") == []
    assert not (machine.cache / "images/mlflow/building").exists()


@pytest.mark.usefixtures("machine")
def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    build(None, QUIET, ["base"])
    monkeypatch.setenv("FAIL", "write /x: no space left on device")
    with pytest.raises(ColonnadeError, match=r"no space left at .*/images/pause; fix: free disk space"):
        build(None, QUIET, ["pause"])


def test_too_little_room_is_said_before_the_work(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.images.builder.ROOM", 1 << 60)
    with pytest.raises(ColonnadeError, match=r"needs .* GiB free below .*COLONNADE_CACHE"):
        build(None, QUIET, ["pause"])
    assert machine.calls("debootstrap") == []


def test_without_root_there_is_one_line(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(
        ColonnadeError, match=r"needs root, this is user 1000; fix: sudo /.*/bin/colonnade images build"
    ):
        build(None, QUIET, ["pause"])
    assert machine.calls("") == []


def test_a_missing_tool_is_named_with_its_package(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.images.sandbox.which", lambda tool: tool if tool == "buildah" else None)
    with pytest.raises(ColonnadeError, match=r"without debootstrap.*; fix: apt-get install -y debootstrap"):
        build(None, QUIET, ["pause"])
    assert machine.calls("") == []


def test_an_unknown_name_lists_the_known_ones(machine: Machine) -> None:
    with pytest.raises(ColonnadeError, match=r"there is no image pasue; fix: choose among .*pause"):
        build(None, QUIET, ["pasue"])
    assert machine.calls("") == []


class PlainRegistry(BaseHTTPRequestHandler):
    """Knows one manifest by the address of its tag."""

    manifests: ClassVar[dict[str, str]] = {}

    def do_HEAD(self) -> None:
        digest = self.manifests.get(self.path)
        self.send_response(200 if digest else 404)
        if digest:
            self.send_header("Docker-Content-Digest", digest)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def plain_registry() -> Iterator[str]:
    PlainRegistry.manifests.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), PlainRegistry)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_the_registry_has_is_not_pushed_again(machine: Machine, plain_registry: str) -> None:
    build(None, QUIET, ["seaweedfs"])
    (digest,) = machine.finished("seaweedfs")
    tag = images()["seaweedfs"].tag
    PlainRegistry.manifests[f"/v2/chrislusf/seaweedfs/manifests/{tag}"] = digest
    build(plain_registry, QUIET, ["seaweedfs"])
    assert machine.calls("skopeo") == []
    PlainRegistry.manifests[f"/v2/chrislusf/seaweedfs/manifests/{tag}"] = "sha256:another"
    build(plain_registry, QUIET, ["seaweedfs"])
    assert len(machine.calls("skopeo")) == 1


@pytest.mark.usefixtures("machine")
def test_a_registry_that_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    build(None, QUIET, ["pause"])
    monkeypatch.setenv("FAIL", "connection refused")
    with pytest.raises(ColonnadeError, match=r"could not be pushed to 127.0.0.1:1/colonnade/pause:.*refused"):
        build("127.0.0.1:1", QUIET, ["pause"])


def test_a_program_that_needs_a_linker_is_refused(machine: Machine) -> None:
    machine.binary.write_bytes(b"\x7fELF /lib64/ld-linux-x86-64.so.2")
    with pytest.raises(ColonnadeError, match="not linked statically"):
        build(None, QUIET, ["coredns"])


def test_a_binary_that_is_missing_is_said_before_the_work(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Path:
        raise ColonnadeError(f"{name} is not built", fix="make setup")

    monkeypatch.setattr("bootstrap.images.building.binary", missing)
    with pytest.raises(ColonnadeError, match="fix: make setup"):
        build(None, QUIET)
    assert machine.calls("") == []
    build(None, QUIET, without_binaries())
    assert machine.finished("mlflow")
    assert machine.finished("lakefs") == []
