"""`colonnade catalog`: what the platform is made of."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from components.catalog import PARTS, Part

PIPE_WIDTH = 240

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def _catalog() -> None:
    """Keeps `list` a command of its own, also while it is the only one."""


@app.command("list")
def list_parts(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Prints part, version, licence, source and images."""
    if as_json:
        typer.echo(json.dumps([describe(part) for part in PARTS.values()], indent=2))
        return
    table = Table("part", "version", "licence", "runs")
    table.add_column("source", overflow="fold")
    table.add_column("images", overflow="fold")
    for entry in map(describe, PARTS.values()):
        cells = [str(entry[key]) for key in ("part", "version", "licence", "runs", "source")]
        table.add_row(*cells, "\n".join(entry["images"]))
    console = Console()
    if not console.is_terminal:
        # In a pipe nothing limits the width, and a folded name could not be searched for.
        console.width = PIPE_WIDTH
    console.print(table)


def describe(part: Part) -> dict[str, Any]:
    """Returns what is told about a part; an image that Colonnade builds is named `colonnade/<part>`."""
    return {
        "part": part.name,
        "purpose": part.purpose,
        "version": part.version,
        "licence": part.licence,
        "source": part.source,
        "runs": part.runs,
        "images": [f"colonnade/{part.name}"] if part.built == "own" else list(part.all_images),
        "chart": part.chart.model_dump(exclude={"hooks"}) if part.chart else None,
        "manifest": part.manifest,
        "replaced_by": part.replaced_by,
    }
