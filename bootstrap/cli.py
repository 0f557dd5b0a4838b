"""The `colonnade` command: what Pulumi lacks, and nothing that Pulumi has."""

import sys

import typer
from rich.console import Console

from bootstrap.errors import ColonnadeError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


def main() -> None:
    """Runs the command; a fault that a person can mend is one line on standard error and exit code 1."""
    try:
        app()
    except ColonnadeError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"error: {error}", markup=False)
        sys.exit(1)
