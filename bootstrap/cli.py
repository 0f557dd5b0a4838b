"""The `colonnade` command: what Pulumi lacks, and nothing that Pulumi has."""

import sys

import typer
from rich.console import Console

from bootstrap.catalog import commands as catalog
from bootstrap.embedded import commands as cluster
from bootstrap.errors import ColonnadeError
from bootstrap.images import commands as images
from bootstrap.lifecycle import commands as lifecycle
from bootstrap.settings import commands as settings
from bootstrap.toolchain import commands as toolchain
from stacks.settings import SettingsError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Everything around `pulumi up`: setup, clusters, images, settings, recovery.",
)
app.command("setup")(lifecycle.setup)
app.command("up")(lifecycle.up)
app.command("down")(lifecycle.down)
app.command("recover")(lifecycle.recover)
app.command("doctor")(toolchain.doctor)
app.add_typer(cluster.app, name="cluster")
app.add_typer(images.app, name="images")
app.add_typer(settings.app, name="settings")
app.add_typer(catalog.app, name="catalog")
app.add_typer(toolchain.app, name="toolchain")


def main() -> None:
    """Runs the command; a fault that a person can mend is a line on standard error and exit code 1."""
    try:
        app()
    except (ColonnadeError, SettingsError) as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"error: {error}", markup=False)
        sys.exit(1)
