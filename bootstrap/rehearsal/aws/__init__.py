"""AWS for the stand-in: tables of types, validators, rules across resources, functions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstrap.rehearsal.standin.cloud import Cloud, Computation, Observer, Tagging
from bootstrap.rehearsal.standin.model import Account, Resource
from bootstrap.rehearsal.standin.table import read


def aws(observers: Sequence[Observer] = (), computing: Mapping[str, Computation] | None = None) -> Cloud:
    """Returns what is known of AWS.

    Args:
        observers: Who hears of each change.
        computing: Further outputs by type, which win over ours: where the API server of a rehearsed cluster
            is, for one.

    Raises:
        TableError: A table is not what a table has to be.
    """
    # What they read from is imported by a rehearsal alone: botocore and moto cost more than a second.
    from bootstrap.rehearsal.aws import rules
    from bootstrap.rehearsal.aws.computing import COMPUTING
    from bootstrap.rehearsal.aws.functions import FUNCTIONS
    from bootstrap.rehearsal.aws.validators import VALIDATORS

    further = dict(computing or {})
    return Cloud(
        name="aws",
        sdk="pulumi_aws",
        types=read(sorted((Path(__file__).parent / "types").glob("*.yaml"))),
        validators=VALIDATORS,
        creating=rules.creating(),
        updating=rules.updating(),
        deleting=rules.deleting(),
        computing={
            **COMPUTING,
            **{kind: _joined(COMPUTING.get(kind), more) for kind, more in further.items()},
        },
        functions=FUNCTIONS,
        observers=observers,
        tagging=Tagging(configuration="defaultTags.tags", given="tags", all="tagsAll"),
        accounts="allowedAccountIds[]",
        partition="aws",
    )


def _joined(first: Computation | None, second: Computation) -> Computation:
    def both(resource: Resource, account: Account) -> Mapping[str, Any]:
        return {**(first(resource, account) if first else {}), **second(resource, account)}

    return both
