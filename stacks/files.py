"""The files that a stack names on the machine it runs from, looked at before anything is made."""

import os
from collections.abc import Iterator
from pathlib import Path

from stacks.settings import Fault, Settings, SettingsError
from stacks.settings.model import resolve


def require_files(settings: Settings, source: str) -> None:
    """Refuses settings that name a file or directory which cannot be read here.

    Faults of the settings themselves are the same on every machine and are found without this.

    Args:
        settings: Settings without a fault.
        source: Where they came from: the stack file's path, or the stack's name.

    Raises:
        SettingsError: With a fault for each such setting.
    """
    faults = [
        Fault(setting, str(path), f"cannot be read: {problem}", f"put it there, or correct {setting}")
        for setting, path, is_directory in _named(settings)
        if (problem := _problem(path, is_directory))
    ]
    if faults:
        raise SettingsError(faults, source)


def _named(settings: Settings) -> Iterator[tuple[str, Path, bool]]:
    """Yields each setting that names a file, the file, and whether it is a directory."""
    tls, charts = settings.edge.tls, settings.sources.charts
    if settings.cluster.kubeconfig is not None:
        yield "cluster.kubeconfig", settings.cluster.kubeconfig_path, False
    for name, path in (
        ("certificate_file", tls.certificate_path if tls else None),
        ("private_key_file", tls.private_key_path if tls else None),
        ("ca_file", tls.ca_path if tls else None),
    ):
        if path is not None:
            yield f"edge.tls.{name}", path, False
    if charts.kind == "directory" and charts.location is not None:
        yield "sources.charts.location", resolve(charts.location), True


def _problem(path: Path, is_directory: bool) -> str | None:
    try:
        if is_directory:
            os.scandir(path).close()
        else:
            path.open("rb").close()
    except OSError as error:
        return error.strerror
    return None
