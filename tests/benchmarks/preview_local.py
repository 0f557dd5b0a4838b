"""`preview-local`: the embedded platform, previewed against its running cluster."""

import tempfile
from pathlib import Path

from bootstrap.toolchain import module_file
from components.catalog import part
from tests.benchmarks import preview
from tests.benchmarks.result import Result
from tests.end_to_end.platform import Platform


def measure(platform: Platform) -> list[Result]:
    """Returns what previews of the embedded platform take; see `preview.measure`."""
    definitions = module_file("gateway-api", f"gateway-api-{part('gateway-api').version}.yaml")
    with tempfile.TemporaryDirectory(prefix="colonnade-program-") as directory:
        project = Path(directory, "program")
        preview.copy_program(project)
        remote = {"edge-definitions": {"files": [str(definitions)]}}
        return preview.measure(platform.stack, project, platform.environment, remote, "preview-local")
