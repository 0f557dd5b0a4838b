"""`colonnade cluster up | down | status`."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bootstrap.embedded.cluster import Cluster
from bootstrap.embedded.health import ClusterStatus
from bootstrap.report.progress import Progress

app = typer.Typer(no_args_is_help=True, help="The embedded cluster: a real Kubernetes node on this machine.")

Name = Annotated[str, typer.Option("--name", help="Which cluster; several may run side by side.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")]


def _report(status: ClusterStatus, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(status) | {"healthy": status.healthy}, indent=2))
        return
    if not status.components:
        typer.echo(
            f"error: cluster {status.name} does not exist; fix: colonnade cluster up --name {status.name}",
            err=True,
        )
        return
    table = Table(title=f"cluster {status.name}: {'healthy' if status.healthy else 'not healthy'}")
    for column in ("component", "state", "pid", "ready", "note"):
        table.add_column(column)
    for component in status.components:
        table.add_row(
            component.name,
            component.state,
            str(component.pid or ""),
            "yes" if component.ready else "no",
            component.note,
        )
    Console(soft_wrap=True).print(table)


@app.command()
def up(name: Name = "local", as_json: AsJson = False) -> None:
    """Brings the cluster up, or heals it; a healthy cluster is left as it is."""
    cluster = Cluster(name)
    with Progress(f"Cluster {name}", expected=17) as progress:
        cluster.up(progress)
    facts = {
        "name": name,
        "kubeconfig": str(cluster.kubeconfig),
        "context": cluster.context,
        "address": cluster.address,
        "registry": cluster.registry,
        "domain": cluster.domain,
    }
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        for key, value in facts.items():
            typer.echo(f"{key:<11} {value}")


@app.command()
def down(name: Name = "local", as_json: AsJson = False) -> None:
    """Removes the cluster with its data, processes, mounts, namespaces and cgroups."""
    with Progress(f"Cluster {name}") as progress:
        Cluster(name).down(progress)
    if as_json:
        typer.echo(json.dumps({"name": name, "removed": True}, indent=2))


@app.command()
def status(name: Name = "local", as_json: AsJson = False) -> None:
    """Shows every component; exit code 1 when the cluster is not healthy."""
    found = Cluster(name).status()
    _report(found, as_json)
    if not found.healthy:
        raise typer.Exit(1)
