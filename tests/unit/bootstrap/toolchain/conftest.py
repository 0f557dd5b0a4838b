"""A toolchain of small tools and a `go` that is a shell script, so that no test compiles for minutes."""

import os
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.toolchain import manifest, store

FAKE_GO = """\
#!/bin/sh
echo "$*" >> "$FAKE/calls"
case "$1 $2" in
"env GOVERSION") cat "$FAKE/version" ;;
"env GOCACHE") printf '%s\\n%s\\n' "$FAKE/build-cache" "$FAKE/module-cache" ;;
"mod download") sed "s|DIR|$FAKE/module|" "$FAKE/download" ;;
"build "*)
    if [ -f "$FAKE/fail" ]; then cat "$FAKE/fail" >&2; exit 1; fi
    [ -f schema.json ] && cp schema.json "$FAKE/embedded"
    env > "$FAKE/environment"
    target=; previous=; packages=
    for argument; do
        [ -n "$target" ] && packages="$packages $argument"
        [ "$previous" = -o ] && target=$argument
        previous=$argument
    done
    case "$target" in
    */) for package in $packages; do echo built > "$target$(basename "$package")"; done ;;
    *) echo built > "$target" ;;
    esac
    touch "$FAKE/hanging"
    while [ -f "$FAKE/hang" ]; do sleep 0.05; done
    ;;
*) echo "unexpected: $*" >&2; exit 2 ;;
esac
"""

MANIFEST = """\
[official]
minimum = "3.200.0"

[[go]]
name = "pulumi"
version = "3.1.0"
group = "engine"
official = true
packages = { pulumi = "example.org/pulumi/cmd/pulumi" }
seconds = 30
megabytes = 1
embed = [{ module = "example.org/files", path = "schema.json", to = "schema.json" }]
files = [
    { module = "example.org/files", path = "exec", to = "bin/pulumi-exec" },
    { module = "example.org/files", path = "crds/*.yaml", to = "files/crds.yaml" },
]

[[go]]
name = "cluster"
version = "1.2.3"
group = "cluster"
packages = { kubelet = "example.org/cluster/kubelet", kubectl = "example.org/cluster/kubectl" }
ldflags = "-X version=v{version}"
env = { GONOSUMDB = "example.org/*" }
seconds = 90
megabytes = 2

[[python]]
name = "pulumi-language-python"
module = "bootstrap.toolchain.language_host"
official = true

[[debian]]
name = "shell"
provides = ["sh"]
"""


@dataclass(frozen=True)
class Workbench:
    """A toolchain in a temporary directory; `fake` steers Go, and `path` is the first entry of PATH."""

    home: Path
    fake: Path
    path: Path
    cache: Path

    def calls(self, verb: str) -> list[str]:
        """Returns how Go was called with a verb."""
        log = self.fake / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line for line in lines if line.split()[0] == verb]

    def executable(self, name: str, text: str = "#!/bin/sh\n", folder: Path | None = None) -> Path:
        """Puts a command on PATH, or into another folder."""
        path = (folder or self.path) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path


def _module(home: Path, name: str) -> None:
    folder = home / "modules" / name
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text(f"module colonnade/toolchain/{name}\n\ngo 1.26.0\n")
    (folder / "go.sum").write_text("example.org/files v1.0.0 h1:sum=\n")


@pytest.fixture
def workbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """Returns a toolchain of two Go tools in which nothing is built yet."""
    bench = Workbench(tmp_path / "home", tmp_path / "fake", tmp_path / "bin", tmp_path / "cache")
    for folder in (bench.home, bench.fake, bench.path, bench.fake / "module" / "crds"):
        folder.mkdir(parents=True)
    (bench.home / "toolchain.toml").write_text(MANIFEST)
    for name in ("pulumi", "cluster"):
        _module(bench.home, name)
    (bench.fake / "version").write_text("go1.26.8\n")
    (bench.fake / "download").write_text(
        '{"Path": "example.org/files", "Version": "v1.0.0", "Sum": "h1:sum=", "Dir": "DIR"}'
    )
    (bench.fake / "module" / "schema.json").write_text("{}")
    (bench.fake / "module" / "exec").write_text("#!/usr/bin/env python\n")
    (bench.fake / "module" / "crds" / "b.yaml").write_text("b: 1\n")
    (bench.fake / "module" / "crds" / "a.yaml").write_text("a: 1\n")
    bench.executable("go", FAKE_GO)
    monkeypatch.setattr(manifest, "HOME", bench.home)
    monkeypatch.setenv("PATH", f"{bench.path}:/usr/bin:/bin")
    monkeypatch.setenv("FAKE", str(bench.fake))
    monkeypatch.setenv("COLONNADE_CACHE", str(bench.cache))
    _forget()
    yield bench
    _forget()


def _forget() -> None:
    manifest._read.cache_clear()
    store._go_version.cache_clear()


@pytest.fixture
def without_go(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Returns a function that takes Go off PATH, and leaves the commands that scripts need."""

    def remove() -> None:
        tools = workbench.home.parent / "tools"
        tools.mkdir()
        for name in ("sh", "cat"):
            (tools / name).symlink_to(f"/bin/{name}")
        monkeypatch.setenv("PATH", os.pathsep.join([str(tools)]))
        store._go_version.cache_clear()

    return remove


@pytest.fixture
def child(workbench: Workbench) -> str:
    """Returns a program that builds everything, for tests that kill it."""
    return textwrap.dedent(f"""
        from pathlib import Path
        from bootstrap.report.progress import Progress
        from bootstrap.toolchain import builder, manifest
        manifest.HOME = Path({str(workbench.home)!r})
        with Progress("Building") as progress:
            builder.build(builder.wanted(), progress)
    """)
