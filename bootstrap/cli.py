"""The `colonnade` command: what Pulumi lacks, and nothing that Pulumi has."""

import errno
import sys
from collections.abc import Iterable
from typing import NoReturn

import typer
from rich.console import Console

from bootstrap.catalog import commands as catalog
from bootstrap.embedded import commands as cluster
from bootstrap.errors import ColonnadeError
from bootstrap.images import commands as images
from bootstrap.lifecycle import commands as lifecycle
from bootstrap.rehearsal import commands as rehearsal
from bootstrap.settings import commands as settings
from bootstrap.toolchain import commands as toolchain
from stacks.settings import SettingsError

_REMEDIES = {
    errno.ENOSPC: "free some space on that disk and run the command again",
    errno.EACCES: "run the command as the owner of that path, or as root",
    errno.EPERM: "run the command as root",
}

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Everything around `pulumi up`: setup, clusters, images, settings, recovery.",
)
app.command("setup")(lifecycle.setup)
app.command("up")(lifecycle.up)
app.command("down")(lifecycle.down)
app.command("recover")(lifecycle.recover)
app.command("rehearse")(rehearsal.rehearse)
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
    except ColonnadeError as error:
        _fail([str(error)])
    except SettingsError as error:
        _fail(error.lines())
    except OSError as error:
        # What no part foresaw: a full disk, missing rights and other faults of the machine.
        place = f"{error.filename}: " if error.filename else ""
        remedy = _REMEDIES.get(error.errno or 0, "mend that and run the command again")
        _fail([f"{place}{error.strerror or ' '.join(str(error).split())}; fix: {remedy}"])


def _fail(faults: Iterable[str]) -> NoReturn:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for fault in faults:
        console.print(f"error: {fault}", markup=False)
    sys.exit(1)
