import errno
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from bootstrap.errors import ColonnadeError
from bootstrap.report.progress import Progress
from bootstrap.toolchain import builder, disk, manifest, store
from tests.unit.bootstrap.toolchain.conftest import Workbench


def build(*names: str) -> None:
    with Progress("Building") as progress:
        builder.build(builder.wanted(names), progress)


def published(bench: Workbench) -> list[str]:
    root = bench.cache / "toolchain"
    return sorted(
        str(path.relative_to(root).parts[0]) for path in root.glob("*/*/bin") if ".building" not in str(path)
    )


def test_builds_all_then_nothing(workbench: Workbench) -> None:
    build()
    assert published(workbench) == ["cluster", "pulumi"]
    assert len(workbench.calls("build")) == 2
    assert builder.missing() == []
    build()
    assert len(workbench.calls("build")) == 2


def test_builds_only_what_is_named(workbench: Workbench) -> None:
    build("kubectl")
    assert published(workbench) == ["cluster"]
    assert [tool.name for tool in builder.missing()] == ["pulumi"]


def test_passes_flags_and_environment(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    monkeypatch.setenv("CGO_ENABLED", "1")
    build("cluster")
    (call,) = workbench.calls("build")
    assert "-trimpath" in call
    assert "-s -w -X version=v1.2.3" in call
    assert call.endswith("example.org/cluster/kubelet example.org/cluster/kubectl")
    environment = (workbench.fake / "environment").read_text().splitlines()
    assert {"CGO_ENABLED=0", "GONOSUMDB=example.org/*", "GOWORK=off"} <= set(environment)
    assert "GOFLAGS=-buildvcs=false -mod=readonly" in environment


def test_embeds_and_keeps_files_of_modules(workbench: Workbench) -> None:
    build("pulumi")
    assert (workbench.fake / "embedded").read_text() == "{}"
    assert not list((workbench.home / "modules").rglob("*.json"))


def test_a_module_that_go_sum_does_not_pin_is_refused(workbench: Workbench) -> None:
    (workbench.home / "modules" / "pulumi" / "go.sum").write_text("example.org/files v1.0.0 h1:other=\n")
    with pytest.raises(ColonnadeError, match=r"go\.sum does not pin example.org/files v1.0.0 h1:sum="):
        build("pulumi")
    assert published(workbench) == []


def test_a_pattern_that_matches_nothing_is_an_error(workbench: Workbench) -> None:
    (workbench.fake / "module" / "exec").unlink()
    with pytest.raises(ColonnadeError, match=r"example\.org/files holds no exec"):
        build("pulumi")
    assert published(workbench) == []


def test_a_failure_shows_the_last_lines_and_the_log(workbench: Workbench) -> None:
    (workbench.fake / "fail").write_text("".join(f"line {n}\n" for n in range(9)) + "undefined: x\n")
    with pytest.raises(ColonnadeError) as caught:
        build("cluster")
    message = str(caught.value)
    log = workbench.cache / "toolchain" / "logs" / "cluster.log"
    assert "line 8 | undefined: x; fix:" in message
    assert "line 2" not in message
    assert str(log) in message
    assert "line 2" in log.read_text()
    assert published(workbench) == []
    assert not list((workbench.cache / "toolchain" / ".building").iterdir())


def test_an_edit_during_the_build_is_not_filed_as_built(workbench: Workbench) -> None:
    (workbench.fake / "hang").touch()
    thread = threading.Thread(target=build, args=("cluster",))
    thread.start()
    _until((workbench.fake / "hanging").exists)
    (workbench.home / "modules" / "cluster" / "main.go").write_text("package main\n")
    (workbench.fake / "hang").unlink()
    thread.join(10)
    assert published(workbench) == ["cluster"]
    assert [tool.name for tool in builder.missing(["cluster"])] == ["cluster"]


def test_a_later_failure_keeps_what_is_built(workbench: Workbench) -> None:
    build("cluster")
    (workbench.fake / "fail").write_text("no\n")
    with pytest.raises(ColonnadeError):
        build()
    assert published(workbench) == ["cluster"]
    (workbench.fake / "fail").unlink()
    build()
    assert published(workbench) == ["cluster", "pulumi"]


def test_a_full_disk_during_the_build_is_said_plainly(workbench: Workbench) -> None:
    (workbench.fake / "fail").write_text("link: write /x: no space left on device\n")
    with pytest.raises(ColonnadeError, match="no space left on the disk of"):
        build("cluster")


def test_a_disk_that_fills_while_a_tool_is_published_leaves_nothing(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", no_room)
        with pytest.raises(ColonnadeError, match="no space left on the disk of"):
            build("cluster")
    assert published(workbench) == []
    build("cluster")
    assert published(workbench) == ["cluster"]


def test_too_little_room_is_said_before_the_build(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=2 * 1024 * 1024))
    with pytest.raises(ColonnadeError, match="has 2 MB free, the build needs about 3 MB"):
        build()
    assert workbench.calls("build") == []
    build("cluster")


def test_without_go_nothing_is_made(workbench: Workbench, without_go: Callable[[], None]) -> None:
    without_go()
    with pytest.raises(ColonnadeError, match="Go is missing: no `go` on PATH; fix: install Go"):
        build()
    assert published(workbench) == []


@pytest.mark.parametrize("version", ["go1.19.8", "go1.25.9", ""])
def test_an_old_go_is_refused(workbench: Workbench, version: str) -> None:
    (workbench.fake / "version").write_text(f"{version}\n")
    with pytest.raises(ColonnadeError, match=r"cannot build with Go 1\.26\.0 or newer"):
        build()
    assert workbench.calls("build") == []


def test_a_damaged_tool_is_built_again(workbench: Workbench) -> None:
    build("cluster")
    store.binary("kubectl").unlink()
    build("cluster")
    assert store.binary("kubectl").is_file()
    assert len(workbench.calls("build")) == 2


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_build_publishes_nothing_and_the_next_goes_on(
    workbench: Workbench, child: str, how: signal.Signals
) -> None:
    build("pulumi")
    (workbench.fake / "hanging").unlink()
    (workbench.fake / "hang").touch()
    process = subprocess.Popen([sys.executable, "-c", child], stderr=subprocess.DEVNULL)
    _until((workbench.fake / "hanging").exists)
    process.send_signal(how)
    assert process.wait(10) != 0
    assert published(workbench) == ["pulumi"]
    with pytest.raises(ColonnadeError):
        store.binary("kubelet")
    (workbench.fake / "hang").unlink()
    build()
    assert published(workbench) == ["cluster", "pulumi"]
    assert not list((workbench.cache / "toolchain" / ".building").iterdir())
    assert len([call for call in workbench.calls("build") if call.endswith("/cmd/pulumi")]) == 1


def test_a_second_build_waits_for_the_first(workbench: Workbench) -> None:
    (workbench.fake / "hang").touch()
    threads = [threading.Thread(target=build, args=("cluster",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    _until((workbench.fake / "hanging").exists)
    time.sleep(0.2)
    assert published(workbench) == []
    (workbench.fake / "hang").unlink()
    for thread in threads:
        thread.join(10)
    assert published(workbench) == ["cluster"]
    assert len(workbench.calls("build")) == 1


def test_the_real_go_builds_a_static_binary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    module = tmp_path / "modules" / "hello"
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module colonnade/toolchain/hello\n\ngo 1.21\n")
    (module / "go.sum").touch()
    (module / "main.go").write_text(
        "package main\n\nvar version string\n\nfunc main() { println(version) }\n"
    )
    (tmp_path / "toolchain.toml").write_text(
        '[official]\nminimum = "3"\n[[go]]\nname = "hello"\nversion = "7"\ngroup = "images"\nseconds = 5\n'
        'megabytes = 1\npackages = { hello = "." }\nldflags = "-X main.version=v{version}"\n'
    )
    monkeypatch.setattr(manifest, "HOME", tmp_path)
    monkeypatch.setenv("COLONNADE_CACHE", str(tmp_path / "cache"))
    request.addfinalizer(manifest._read.cache_clear)
    build("hello")
    ran = subprocess.run([store.binary("hello")], capture_output=True, text=True, check=True)
    assert ran.stderr == "v7\n"


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "waited for 10 s"
        time.sleep(0.02)


def test_a_cache_that_cannot_be_written_is_named(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workbench.home.parent / "file").touch()
    monkeypatch.setenv("COLONNADE_CACHE", str(workbench.home.parent / "file"))
    with pytest.raises(
        ColonnadeError, match=r"cannot write .*/file.*; fix: set COLONNADE_CACHE to a directory"
    ):
        build("cluster")
    assert workbench.calls("build") == []
