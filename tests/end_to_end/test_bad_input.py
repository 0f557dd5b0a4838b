"""What a person gets wrong is told in one clear line, and nothing is made of it."""

import hashlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.embedded.hosts import HOSTS
from bootstrap.embedded.layout import Layout, subnet
from bootstrap.paths import cache_root
from tests.end_to_end.platform import ROOT

COLONNADE = ROOT / ".venv" / "bin" / "colonnade"
PULUMI = ROOT / ".venv" / "bin" / "pulumi"
# An embedded stack, and one on a cluster that is there already.
LOCAL, SITE = "local-bad", "site"
TEMPLATE = ROOT / "stacks" / "environments" / "Pulumi.on-premises-prod.yaml"

Done = subprocess.CompletedProcess[str]
Traces = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Machine:
    """A checkout with state, backend and passphrase of its own; toolchain and images are the machine's."""

    root: Path
    checkout: Path

    @property
    def environments(self) -> Path:
        return self.checkout / "stacks" / "environments"

    @property
    def passphrase(self) -> Path:
        return self.root / "config" / "colonnade" / "passphrase"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        return kept | {
            "PYTHONPATH": str(self.checkout),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLONNADE_STATE": str(self.root / "state"),
            "XDG_CONFIG_HOME": str(self.root / "config"),
            "PULUMI_HOME": str(self.root / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{self.root / 'backend'}",
            "TMPDIR": str(self.root / "tmp"),
            "NO_COLOR": "1",
        }

    def run(self, *command: str | Path, **environment: str) -> Done:
        return subprocess.run(
            command,
            cwd=self.checkout,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def refuses(self, *arguments: str, words: tuple[str, ...], **environment: str) -> None:
        """Runs `colonnade` and asserts one clear line, and that the machine is as it was."""
        before = self.traces()
        refused(self.run(COLONNADE, *arguments, **environment), *words)
        self.is_as(before)

    def is_as(self, before: Traces) -> None:
        """Asserts that nothing came, went or changed."""
        after = self.traces()
        assert {key for key in before | after if before.get(key) != after.get(key)} == set()

    def traces(self) -> Traces:
        """Everything that a command could leave behind: files with size and time, and what else there is."""
        layout = Layout(LOCAL)
        # Go counts its own use there.
        foreign = self.root / "config" / "go"
        files = {
            str(path): (status.st_size, status.st_mtime_ns if path.is_file() else 0)
            for path in (*self.root.rglob("*"), *self.checkout.rglob("*"))
            if path != foreign.parent and not path.is_relative_to(foreign) and (status := path.lstat())
        }
        others = [
            *(entry for entry in Path("/proc").glob("[0-9]*") if str(self.root).encode() in _environ(entry)),
            *(line for line in _lines("/proc/self/mountinfo") if str(self.root) in line),
            *(
                place
                for place in (layout.netns, Path("/sys/class/net", layout.host_interface))
                if place.exists()
            ),
            *(line for line in _lines(HOSTS) if layout.domain in line),
        ]
        return files | {str(item): (0, 0) for item in others}

    def site(self, **changes: dict[str, Any]) -> Path:
        """Writes the file of a stack on an existing cluster, from the committed one; returns its path."""
        document = yaml.safe_load(TEMPLATE.read_text())
        for name, values in changes.items():
            document["config"][f"colonnade:{name}"].update(values)
        path = self.environments / f"Pulumi.{SITE}.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    def kubeconfig(self, text: str | None = None) -> Path:
        """Writes a kubeconfig, by default one for a server that nobody listens for."""
        path = self.root / "kubeconfig"
        path.write_text(yaml.safe_dump(KUBECONFIG) if text is None else text)
        return path


KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "there", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "me", "user": {"token": "none"}}],
    "contexts": [{"name": "there", "context": {"cluster": "there", "user": "me"}}],
    "current-context": "there",
}


def _environ(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def _lines(path: str | Path) -> list[str]:
    return Path(path).read_text().splitlines()


def refused(done: Done, *words: str) -> None:
    """Asserts that a command failed with one clear line, which says what to do, and nothing after it."""
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert "Traceback" not in output
    assert output.count("error:") == 1, output
    line = done.stderr.splitlines()[-1]
    assert line.startswith("error: "), output
    assert "; fix: " in line
    for word in words:
        assert word in line


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code, so that its stack files may be of any kind."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name in ("bootstrap", "components", "stacks"):
        generated = shutil.ignore_patterns("Pulumi.local*.yaml")
        shutil.copytree(ROOT / name, checkout / name, ignore=generated)
    shutil.copy(ROOT / "Pulumi.yaml", checkout)
    (checkout / ".venv").symlink_to(ROOT / ".venv")
    return checkout


@pytest.fixture
def machine(checkout: Path) -> Iterator[Machine]:
    # Below /tmp itself, since paths of sockets end at 107 bytes.
    root = Path(tempfile.mkdtemp(prefix="colonnade-bad-", dir="/tmp"))
    machine = Machine(root, checkout)
    try:
        (root / "backend").mkdir()
        (root / "tmp").mkdir()
        yield machine
    finally:
        for stack in (SITE, LOCAL):
            (machine.environments / f"Pulumi.{stack}.yaml").unlink(missing_ok=True)
        if Layout(LOCAL).netns.exists():  # it should have been refused, and was not
            machine.run(COLONNADE, "cluster", "down", "--name", LOCAL)
        shutil.rmtree(root)


@pytest.fixture
def full_disk(machine: Machine) -> Iterator[Path]:
    """A file system without a free byte."""
    place = machine.root / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", place], check=True)
    try:
        with pytest.raises(OSError, match="No space"):
            (place / "filler").write_bytes(b"0" * 2**20)
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.fixture
def without_go(tmp_path: Path) -> str:
    """A PATH with everything but Go."""
    folder = tmp_path / "path"
    folder.mkdir()
    for directory in os.environ["PATH"].split(os.pathsep):
        for tool in Path(directory).glob("*"):
            if tool.name != "go" and not (folder / tool.name).is_symlink():
                (folder / tool.name).symlink_to(tool)
    return str(folder)


@pytest.mark.parametrize(
    "command", [("setup",), ("toolchain", "build", "--only", "etcd"), ("up", "--stack", LOCAL)], ids=" ".join
)
def test_missing_go(machine: Machine, without_go: str, command: tuple[str, ...]) -> None:
    # The cache is empty: with everything built, nobody needs Go.
    cache = str(machine.root / "cache")
    before = machine.traces()
    refused(
        machine.run(COLONNADE, *command, PATH=without_go, COLONNADE_CACHE=cache), "Go is missing", "go.dev"
    )
    shutil.rmtree(cache, ignore_errors=True)
    machine.is_as(before)


@pytest.mark.parametrize(
    "command",
    [("setup",), ("up", "--stack", LOCAL), ("cluster", "up", "--name", LOCAL), ("down", "--stack", LOCAL)],
    ids=" ".join,
)
def test_missing_root(machine: Machine, command: tuple[str, ...]) -> None:
    # In a user namespace of its own a process is nobody, and still reads what it could read before.
    before = machine.traces()
    refused(machine.run("unshare", "--user", COLONNADE, *command), "needs root", "sudo")
    machine.is_as(before)


def test_no_space_for_state(machine: Machine, full_disk: Path) -> None:
    words = (f"the disk of {full_disk} is full", "COLONNADE_STATE")
    machine.refuses("up", "--stack", LOCAL, words=words, COLONNADE_STATE=str(full_disk))


@pytest.mark.parametrize(
    "command", [("setup",), ("toolchain", "build"), ("images", "build", "--only", "valkey")], ids=" ".join
)
def test_no_space_for_the_cache(machine: Machine, full_disk: Path, command: tuple[str, ...]) -> None:
    refused(machine.run(COLONNADE, *command, COLONNADE_CACHE=str(full_disk)), str(full_disk), "space")
    assert {path.name for path in full_disk.rglob("*") if path.is_file()} <= {"filler", "lock", ".lock"}


def test_no_space_for_logs(machine: Machine, full_disk: Path) -> None:
    """The engine finds no room, though its tools are there."""
    cache = machine.root / "cache"
    cache.mkdir()
    for name in ("toolchain", "images"):
        (cache / name).symlink_to(cache_root() / name)
    (cache / "logs").symlink_to(full_disk)
    words = (f"{cache / 'logs'} has 0 MB free", "COLONNADE_CACHE")
    machine.refuses("up", "--stack", LOCAL, words=words, COLONNADE_CACHE=str(cache))


def test_no_space_for_the_passphrase(machine: Machine, full_disk: Path) -> None:
    done = machine.run(COLONNADE, "up", "--stack", LOCAL, XDG_CONFIG_HOME=str(full_disk))
    refused(done, f"{full_disk}/colonnade/passphrase cannot be written: No space left on device")
    assert list((full_disk / "colonnade").glob("**/*")) == []
    assert not (machine.root / "state").exists()


def test_address_in_use(machine: Machine) -> None:
    address = Layout(LOCAL).address
    subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    try:
        machine.refuses("up", "--stack", LOCAL, words=(f"address {address} is in use by interface lo",))
    finally:
        subprocess.run(["ip", "address", "delete", f"{address}/32", "dev", "lo"], check=True)


def test_address_of_another_cluster(machine: Machine) -> None:
    names = (f"b{hashlib.sha256(bytes(number)).hexdigest()[:12]}" for number in itertools.count())
    other = next(name for name in names if subnet(name) == subnet(LOCAL))
    (machine.root / "state" / "clusters" / other).mkdir(parents=True)
    machine.refuses("up", "--stack", LOCAL, words=(f"clusters {LOCAL} and {other}", Layout(LOCAL).address))


def test_unknown_stack(machine: Machine) -> None:
    for verb in ("up", "down", "recover"):
        machine.refuses(verb, "--stack", "pord", words=("unknown stack 'pord'", "on-premises-prod"))


def test_a_name_that_is_no_stack(machine: Machine) -> None:
    machine.refuses("up", "--stack", "../prod", words=("'../prod' is not the name of a stack",))


@pytest.mark.parametrize(
    ("stack", "content", "said"),
    [
        (SITE, b"config:\n  a: [1\n", ":3: (file): is not YAML"),
        (LOCAL, b"config:\n  a: [1\n", ":3: (file): is not YAML"),
        (SITE, b"config: \xff\xfe\n", "is not UTF-8"),
        (LOCAL, b"- config\n", "(file): is not a mapping"),
        (LOCAL, b"config: 3\n", "config: is not a mapping"),
        (SITE, b"", "is empty"),
    ],
    ids=["syntax", "syntax, embedded", "encoding", "list, embedded", "number, embedded", "empty"],
)
def test_stack_file_that_is_none(machine: Machine, stack: str, content: bytes, said: str) -> None:
    path = machine.environments / f"Pulumi.{stack}.yaml"
    path.write_bytes(content)
    machine.refuses("up", "--stack", stack, words=(str(path), said))


@pytest.mark.parametrize("stack", [SITE, LOCAL])
def test_setting_that_is_wrong(machine: Machine, stack: str) -> None:
    document = yaml.safe_load(TEMPLATE.read_text())
    kept = (
        {"colonnade:owner": document["config"]["colonnade:owner"]} if stack == LOCAL else document["config"]
    )
    path = machine.environments / f"Pulumi.{stack}.yaml"
    path.write_text(yaml.safe_dump({"config": {**kept, "colonnade:tier": "prodution"}}))
    machine.refuses("up", "--stack", stack, words=(str(path), "tier = prodution", "production"))


def test_several_settings_that_are_wrong(machine: Machine) -> None:
    """Each fault is a line of its own, and each line says that it is one."""
    machine.site(storage={"size": "much"}, database={"size": "more"})
    done = machine.run(COLONNADE, "up", "--stack", SITE)
    assert done.returncode == 1
    assert [line.startswith("error: ") for line in done.stderr.splitlines()] == [False, True, True]


@pytest.mark.parametrize("verb", ["up", "down"])
def test_kubeconfig_that_is_missing(machine: Machine, verb: str) -> None:
    missing = str(machine.root / "no-kubeconfig")
    machine.site(cluster={"kubeconfig": missing})
    words = (f"cluster.kubeconfig = {missing}: cannot be read: No such file",)
    machine.refuses(verb, "--stack", SITE, words=words)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clusters: [", "is not a kubeconfig: it cannot be understood at line 1"),
        ("- a list", "is not a kubeconfig"),
        ("contexts: [3]", "is not a kubeconfig"),
        ("kind: Config", "has no context 'there'; fix: there is none in it"),
        (yaml.safe_dump(KUBECONFIG | {"clusters": []}), "context 'there' of kubeconfig"),
    ],
    ids=["syntax", "list", "shape", "no contexts", "no cluster"],
)
def test_kubeconfig_that_is_none(machine: Machine, text: str, said: str) -> None:
    path = machine.kubeconfig(text)
    machine.site(cluster={"kubeconfig": str(path), "context": "there"})
    machine.refuses("up", "--stack", SITE, words=(str(path), said))


def test_kubeconfig_without_the_context(machine: Machine) -> None:
    path = machine.kubeconfig()
    machine.site(cluster={"kubeconfig": str(path), "context": "elsewhere"})
    words = (f"kubeconfig {path} has no context 'elsewhere'", "name one of there in cluster.context")
    machine.refuses("up", "--stack", SITE, words=words)


@pytest.mark.parametrize("verb", ["up", "down"])
def test_cluster_that_does_not_answer(machine: Machine, verb: str) -> None:
    path = machine.kubeconfig()
    machine.site(cluster={"kubeconfig": str(path), "context": "there"})
    words = (
        f"the cluster at https://127.0.0.1:1 (kubeconfig {path}) cannot be reached",
        "Connection refused",
    )
    machine.refuses(verb, "--stack", SITE, words=words)


CERTIFICATE = {"certificate_file": "/nowhere/edge.crt", "private_key_file": "/etc/hostname"}


def test_certificate_that_is_missing(machine: Machine) -> None:
    machine.site(
        cluster={"kubeconfig": str(machine.kubeconfig()), "context": "there"}, edge={"tls": CERTIFICATE}
    )
    words = ("edge.tls.certificate_file = /nowhere/edge.crt: cannot be read: No such file",)
    machine.refuses("up", "--stack", SITE, words=words)


def test_certificate_that_is_missing_for_plain_pulumi(machine: Machine) -> None:
    """Whoever goes past `colonnade` is told the same by the program, without a traceback."""
    machine.site(
        cluster={"kubeconfig": str(machine.kubeconfig()), "context": "there"}, edge={"tls": CERTIFICATE}
    )
    path = f"{PULUMI.parent}{os.pathsep}{os.environ['PATH']}"
    secret = {"PULUMI_CONFIG_PASSPHRASE": "one", "PATH": path}
    made = machine.run(PULUMI, "stack", "init", SITE, "--non-interactive", **secret)
    assert made.returncode == 0, made.stderr
    done = machine.run(PULUMI, "preview", "--stack", SITE, "--non-interactive", **secret)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in output
    said = f"error: {SITE}: edge.tls.certificate_file = /nowhere/edge.crt: cannot be read: No such file"
    # Once while it runs, and once in the list of diagnostics that ends it.
    assert output.rpartition("Diagnostics:")[2].count("error: ") == 1
    assert said in output.rpartition("Diagnostics:")[2]


@pytest.mark.parametrize("verb", ["up", "down"])
@pytest.mark.parametrize("change", ["lost", "another"])
def test_passphrase(machine: Machine, verb: str, change: str) -> None:
    """It is told before the cluster is touched."""
    assert machine.run(COLONNADE, "down", "--stack", LOCAL).returncode == 0
    assert machine.passphrase.is_file()
    (machine.root / "state" / "clusters" / LOCAL / "volumes").mkdir(parents=True)
    if change == "lost":
        machine.passphrase.unlink()
    else:
        machine.passphrase.write_text("another\n")
    words = (str(machine.passphrase), "lost" if change == "lost" else "another passphrase", "restore it")
    machine.refuses(verb, "--stack", LOCAL, words=words)
