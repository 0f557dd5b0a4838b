"""`colonnade toolchain` and `colonnade doctor`."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bootstrap.report.progress import Progress
from bootstrap.toolchain import builder, debian
from bootstrap.toolchain.doctor import Finding, examine

app = typer.Typer(no_args_is_help=True, help="The tools that Colonnade builds from their modules.")


@app.callback()
def _group() -> None:
    """The tools that Colonnade builds from their modules."""


@app.command("build")
def build(
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="NAME", help="A tool, binary or group (engine, cluster, images); repeatable."
        ),
    ] = None,
) -> None:
    """Build what is missing; what is there is not built again. Without --only also install packages."""
    if not only and (packages := debian.missing()):
        with Progress("Installing packages") as progress, progress.step(", ".join(p.name for p in packages)):
            debian.install(packages)
    tools = builder.wanted(only or ())
    with Progress("Building the toolchain", expected=builder.expected_seconds(tools)) as progress:
        builder.build(tools, progress)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """Show each tool: wanted, found, where from, and how to fix what is missing (exit code 1)."""
    findings = examine()
    if as_json:
        rows = [{**asdict(finding), "ok": finding.ok} for finding in findings]
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print(findings)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _print(findings: list[Finding]) -> None:
    rows = [(f.tool, f.wanted, f.found, f.source, f.fix) for f in findings]
    console = Console()
    if not console.is_terminal:
        for row in [("tool", "wanted", "found", "where from", "fix"), *rows]:
            typer.echo("\t".join(row))
        return
    table = Table()
    for heading in ("tool", "wanted", "found", "where from", "fix"):
        table.add_column(heading, overflow="fold")
    for finding, row in zip(findings, rows, strict=True):
        table.add_row(*row, style=None if finding.ok else "bold red")
    console.print(table)
