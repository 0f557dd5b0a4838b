"""The place of one rehearsal: a copy of the project, and an engine that sees nothing of the user's."""

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bootstrap.engine import engine_environment
from bootstrap.paths import repository
from bootstrap.rehearsal import charts
from bootstrap.rehearsal.charts import Missing
from stacks.settings.loader import STACK_KEYS

# What would let a rehearsal out: credentials, profiles and clusters of the user.
_USERS = ("AWS_", "AZURE_", "ARM_", "GOOGLE_", "CLOUDSDK_", "KUBECONFIG", "PULUMI_")
_PASSPHRASE = "rehearsal"  # noqa: S105 - it opens throw-away secrets alone


@dataclass(frozen=True)
class Place:
    """Where everything of a rehearsal is."""

    root: Path

    @property
    def project(self) -> Path:
        """The copy of the project."""
        return self.root / "project"

    @property
    def binaries(self) -> Path:
        """What the engine finds before everything else."""
        return self.root / "bin"

    @property
    def account(self) -> Path:
        """The emulated account."""
        return self.root / "account.sqlite"

    @property
    def logs(self) -> Path:
        """Logs of the engine."""
        return self.root / "logs"

    def stack_file(self, stack: str) -> Path:
        """The copy of the stack file."""
        return self.project / "stacks" / "environments" / f"Pulumi.{stack}.yaml"

    def lay_out(self, stack: str, overrides: Mapping[str, Any]) -> list[Missing]:
        """Copies the project, with the stack's file as it is but for what lies outside the program.

        Secrets of the file, which no passphrase here opens, become throw-away ones.

        Args:
            stack: The stack.
            overrides: Settings by name that this place has otherwise, such as where its cluster is.

        Returns:
            What of the charts is not the real thing.
        """
        for folder in ("home", "backend", "bin", "logs", "charts", "tmp"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        missing = charts.prepare(self.root / "charts")
        source = repository()
        shutil.rmtree(self.project, ignore_errors=True)
        self.project.mkdir()
        described = (source / "Pulumi.yaml").read_text()
        environment = source / ".venv"
        (self.project / "Pulumi.yaml").write_text(
            described.replace("virtualenv: .venv", f"virtualenv: {environment}")
        )
        ignored = shutil.ignore_patterns("__pycache__", "Pulumi.*.yaml")
        shutil.copytree(source / "stacks", self.project / "stacks", ignore=ignored)
        original = yaml.safe_load((source / "stacks" / "environments" / f"Pulumi.{stack}.yaml").read_text())
        sources = original["config"].get("colonnade:sources") or {}
        located = {"kind": "directory", "location": str(self.root / "charts")}
        config: dict[str, Any] = {
            **{key: _throw_away(value) for key, value in original["config"].items()},
            "colonnade:sources": {**sources, "charts": located},
        }
        for name, value in overrides.items():
            given = config.get(f"colonnade:{name}")
            both = isinstance(given, dict) and isinstance(value, Mapping)
            config[f"colonnade:{name}"] = {**given, **value} if both else value  # type: ignore[dict-item]
        kept = {key: value for key, value in original.items() if key not in STACK_KEYS}
        self.stack_file(stack).parent.mkdir(parents=True, exist_ok=True)
        self.write(stack, {**kept, "config": config})
        return missing

    def read(self, stack: str) -> dict[str, Any]:
        """Returns the stack file as it is now."""
        loaded: dict[str, Any] = yaml.safe_load(self.stack_file(stack).read_text())
        return loaded

    def write(self, stack: str, document: Mapping[str, Any]) -> None:
        """Writes the stack file."""
        self.stack_file(stack).write_text(yaml.safe_dump(dict(document), sort_keys=False, width=200))

    def install(self, name: str, script: str) -> None:
        """Puts an executable where the engine finds it before everything else."""
        path = self.binaries / name
        path.write_text(script)
        path.chmod(0o755)

    def environment(self, further: Mapping[str, str]) -> dict[str, str]:
        """Returns the complete environment of the engine: nothing of the user's reaches it."""
        variables = engine_environment(f"file://{self.root / 'backend'}")
        kept = {name: value for name, value in variables.items() if not name.startswith(_USERS)}
        return {
            **kept,
            "PATH": os.pathsep.join([str(self.binaries), variables["PATH"]]),
            "PULUMI_HOME": str(self.root / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.root / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": _PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # Plugins that are killed leave files there.
            "TMPDIR": str(self.root / "tmp"),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **further,
        }

    def entrance(self, variables: Mapping[str, str], kubeconfig: Path) -> Path:
        """Writes what a shell has to source to look around here, and returns its path."""
        shown = {name: it for name, it in variables.items() if name == "PATH" or name.startswith(_USERS)}
        lines = [
            *(f"export {name}={shlex.quote(it)}" for name, it in sorted(shown.items())),
            f"export KUBECONFIG={shlex.quote(str(kubeconfig))}",
            f"cd {shlex.quote(str(self.project))}",
        ]
        path = self.root / "entrance"
        path.write_text("\n".join(lines) + "\n")
        return path


def _throw_away(value: Any) -> Any:
    """Returns a setting with each encrypted part of it replaced by a plain value that nobody needs."""
    if isinstance(value, Mapping):
        if set(value) == {"secure"}:
            return "rehearsed"
        return {key: _throw_away(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_throw_away(item) for item in value]
    return value
