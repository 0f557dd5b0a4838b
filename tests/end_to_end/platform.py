"""A real platform on an embedded cluster, driven as a person would drive it."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv" / "bin"
# Another name lets two runs go on side by side while developing.
STACK = os.environ.get("COLONNADE_TEST_STACK", "local-e2e")
BACKEND = ROOT / "build" / "end-to-end" / STACK
# Set while developing, to keep the platform between runs.
KEEP = "COLONNADE_TEST_KEEP"


@dataclass(frozen=True)
class Platform:
    """A stack on an embedded cluster, driven by the command line alone."""

    stack: str
    backend: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every command: the backend is the tests' own."""
        from bootstrap.engine import engine_environment

        return engine_environment() | {"PULUMI_BACKEND_URL": f"file://{self.backend}", "NO_COLOR": "1"}

    def run(
        self, *command: str, check: bool = True, timeout: float = 1500
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command of the project's environment in the checkout."""
        result = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        if check and result.returncode:
            pytest.fail(
                f"{' '.join(command)} exited {result.returncode}\n{result.stdout}\n{result.stderr}",
                pytrace=False,
            )
        return result

    def colonnade(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs `colonnade`."""
        return self.run("colonnade", *arguments, check=check)

    def pulumi(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs `pulumi` on this stack."""
        return self.run("pulumi", *arguments, "--stack", self.stack, "--non-interactive", check=check)

    @cached_property
    def outputs(self) -> dict[str, Any]:
        """All stack outputs, secrets in plain."""
        outputs: dict[str, Any] = json.loads(
            self.pulumi("stack", "output", "--json", "--show-secrets").stdout
        )
        return outputs

    @cached_property
    def cluster(self) -> Any:
        """The embedded cluster below the stack."""
        from bootstrap.embedded import Cluster

        return Cluster(self.stack)

    @property
    def kubeconfig(self) -> Path:
        """Administrator's kubeconfig."""
        return Path(self.cluster.kubeconfig)

    @property
    def context(self) -> str:
        """Context in that kubeconfig."""
        return f"colonnade-{self.stack}"

    @property
    def domain(self) -> str:
        """Domain of the edge."""
        return str(self.cluster.domain)

    @property
    def address(self) -> str:
        """Address of the node."""
        return str(self.cluster.address)

    @property
    def ca_file(self) -> str:
        """Certificate of the private CA behind every HTTPS URL."""
        return str(self.cluster.edge_ca)

    def url(self, label: str) -> str:
        """HTTPS URL of a service."""
        return f"https://{label}.{self.domain}"

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        """Runs kubectl and returns what it printed."""
        return self.run("kubectl", "--kubeconfig", str(self.kubeconfig), *arguments, check=check).stdout

    @contextmanager
    def port_forward(self, namespace: str, service: str, port: int) -> Iterator[int]:
        """Forwards a loopback port to a service through the API server; yields the local port."""
        forward = subprocess.Popen(
            [
                *(str(BIN / "kubectl"), "--kubeconfig", str(self.kubeconfig), "-n", namespace),
                *("port-forward", f"service/{service}", f":{port}", "--address", "127.0.0.1"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert forward.stdout is not None
            line = forward.stdout.readline()
            match = re.search(r"127\.0\.0\.1:(\d+)", line)
            if not match:
                forward.terminate()
                pytest.fail(f"port-forward to {namespace}/{service} failed: {line}{forward.communicate()[1]}")
            yield int(match.group(1))
        finally:
            forward.terminate()
            forward.communicate()


@contextmanager
def running_platform(stack: str = STACK) -> Iterator[Platform]:
    """Brings a platform up as a person would, and takes it down again whatever was done to it."""
    BACKEND.mkdir(parents=True, exist_ok=True)
    platform = Platform(stack, BACKEND)
    if KEEP not in os.environ:
        platform.colonnade("down", "--stack", stack)
    try:
        platform.colonnade("up", "--stack", stack)
        yield platform
    finally:
        if KEEP not in os.environ:
            platform.colonnade("down", "--stack", stack)
