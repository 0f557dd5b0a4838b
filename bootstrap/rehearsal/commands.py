"""`colonnade rehearse`: the whole life of a stack, without credentials and without cost."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from bootstrap.report.progress import Progress

if TYPE_CHECKING:
    from bootstrap.rehearsal.rehearsal import Rehearsal


def rehearse(
    stack: Annotated[str, typer.Argument(help="A stack with a committed file.")],
    until: Annotated[
        str, typer.Option(help="Last phase: preview, up (with a second one and a change) or destroy.")
    ] = "destroy",
    policies: Annotated[bool, typer.Option("--policies", help="Run the policy pack in policies/.")] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="throttle[:EVERY], timeout[:EVERY], quota:TYPE[:N], crash-after:N[:inside]; may be repeated."
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report for machines to this file.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything in place, to look at it.")] = False,
) -> None:
    """Run the whole life of a stack with the real engine, against an emulated cloud and a real API server."""
    from bootstrap.rehearsal import phases, report
    from bootstrap.rehearsal.rehearsal import Rehearsal
    from bootstrap.rehearsal.standin.faults import Faults

    phases.check(until, policies)
    console = Console(soft_wrap=True, highlight=False)
    with (
        Progress(f"Rehearsing stack {stack}") as progress,
        Rehearsal(stack, progress, Faults.parse(*(fault or [])), keep) as rehearsal,
    ):
        ended = phases.run(rehearsal, until, policies)
        found = report.document(rehearsal, ended)
        if json_file is not None:
            json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    console.print(report.table(stack, ended))
    for line in found["not_rehearsed"]:
        console.print(f"not rehearsed: {line}", markup=False)
    for line in found["faults"]:
        console.print(f"fault: {line}", markup=False)
    for phase in ended:
        for refusal in phase.refusals[:20]:
            console.print(f"refused: {refusal}", markup=False)
        if phase.fault is not None:
            console.print(f"failed: {phase.name}: {phase.fault}", markup=False)
    for line in _kept(rehearsal) if keep else ():
        console.print(line, markup=False)
    if not report.passed(ended):
        raise typer.Exit(1)


def _kept(rehearsal: "Rehearsal") -> list[str]:
    """Returns how to look at what was kept, and how to remove it."""
    place, name = rehearsal.place, rehearsal.name
    entrance = place.entrance(rehearsal.stack.environment(), rehearsal.cluster.kubeconfig)
    account = rehearsal.account
    served = f"python -m bootstrap.rehearsal.aws.kept {place.account}"
    return [
        f"kept: {place.root}",
        f"look at stack and cluster: . {entrance}; pulumi stack --stack {name}; kubectl get all -A",
        *([f"look at the account with boto3: {served} {account.id} {account.region}"] if account else []),
        f"remove it: colonnade cluster down --name {rehearsal.cluster.name}; rm -r {place.root}",
    ]
