"""`colonnade images`: the container images that Colonnade builds itself."""

import json
from typing import Annotated

import typer

from bootstrap.images.building import build, selection
from bootstrap.report.progress import Progress

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def _group() -> None:
    """Container images that Colonnade builds itself, without a daemon."""


@app.command("build")
def build_command(
    registry: Annotated[
        str | None, typer.Option(help="Registry (`host:port`) to fill with what it lacks; none: only build.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Image to build, with its base; repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print names and references as JSON.")] = False,
) -> None:
    """Builds images whose inputs changed and prints each image's reference by digest."""
    seconds = sum(image.seconds for image in selection(only or None).values())
    with Progress("Building images", expected=seconds) as progress:
        references = build(registry, progress, only or None)
    if as_json:
        typer.echo(json.dumps(references, indent=2))
        return
    width = max(map(len, references), default=0)
    for name, reference in references.items():
        typer.echo(f"{name:{width}}  {reference}")
