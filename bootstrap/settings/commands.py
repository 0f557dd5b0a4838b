"""`colonnade settings`: looks at stack files before the engine does."""

import json
from pathlib import Path
from typing import Annotated

import typer

from stacks.settings.loader import check_file
from stacks.settings.schema import stack_file_schema

app = typer.Typer(no_args_is_help=True, help="Check stack files, and describe them to editors.")


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Stack files to check.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of lines.")
    ] = False,
) -> None:
    """Report every fault of every FILE at once: path, value, problem and fix. Exits 1 where there is one.

    Values of secrets are never shown.
    """
    found = {file: check_file(file)[1] for file in files}
    faulty = [file for file, faults in found.items() if faults]
    if as_json:
        report = [
            {"file": str(file), "ok": not faults, "faults": [fault.as_json() for fault in faults]}
            for file, faults in found.items()
        ]
        typer.echo(json.dumps(report, indent=2))
    else:
        for file, faults in found.items():
            for fault in faults:
                typer.echo(f"{file}:{fault.line}: {fault}" if fault.line else f"{file}: {fault}")
            if not faults:
                typer.echo(f"{file}: ok")
        if faulty:
            total = sum(len(faults) for faults in found.values())
            typer.echo(f"error: {_count(total, 'fault')} in {_count(len(faulty), 'file')}", err=True)
    if faulty:
        raise typer.Exit(1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a stack file; editors complete and check with it."""
    typer.echo(json.dumps(stack_file_schema(), indent=2))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
