"""Each planted mistake is refused by Check or Create, with property and reason, and its source agrees."""

import re

import boto3
import pytest

from tests.unit.bootstrap.rehearsal.aws import evidence
from tests.unit.bootstrap.rehearsal.aws.conftest import Engine, RefusedByEngineError
from tests.unit.bootstrap.rehearsal.aws.mistakes import DELETIONS, MISTAKES, Deletion, Mistake

MECHANICAL = [m for m in [*MISTAKES, *DELETIONS] if not isinstance(m.evidence, evidence.Published)]


def blamed(place: str, error: Exception) -> bool:
    """Returns whether the message names the property, or something within it."""
    return bool(re.search(rf"(^|; ){re.escape(place)}([\[.][^ ]*)?: ", str(error)))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_what_is_right_passes(world: Engine, mistake: Mistake) -> None:
    assert world.check(mistake.type, mistake.valid) == []
    assert world.create("made", mistake.type, mistake.valid)["id"]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_mistake_is_refused(world: Engine, mistake: Mistake) -> None:
    inputs = {name: value for name, value in {**mistake.valid, **mistake.wrong}.items() if value is not None}
    failures = world.check(mistake.type, inputs)
    if failures:
        assert [reason for place, reason in failures if place.startswith(mistake.property)]
        assert mistake.reason in " ".join(reason for _, reason in failures)
        return
    with pytest.raises(RefusedByEngineError) as refused:
        world.create("made", mistake.type, inputs)
    assert blamed(mistake.property, refused.value)
    assert mistake.reason in str(refused.value)
    assert not any(found.outputs == inputs for found in world.account.all(mistake.type))


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize("deletion", DELETIONS, ids=lambda deletion: deletion.name)
def test_what_is_needed_is_not_deleted(world: Engine, deletion: Deletion) -> None:
    for bucket, key in deletion.objects.items():
        s3 = boto3.client("s3", evidence.REGION)
        evidence.made(boto3.client, bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    with pytest.raises(RefusedByEngineError) as refused:
        world.delete(deletion.of)
    assert blamed(deletion.property, refused.value)
    assert deletion.reason in str(refused.value)
    assert world.account.get(world.types[deletion.of], world.named[deletion.of]["id"])


@pytest.mark.filterwarnings("ignore:Exception.* does not match an error shape:UserWarning")
@pytest.mark.parametrize("mistake", [*MISTAKES, *DELETIONS], ids=lambda mistake: mistake.name)
def test_an_independent_source_says_so(mistake: Mistake | Deletion) -> None:
    mistake.evidence()


def test_there_are_enough_mistakes_and_most_are_shown_by_a_machine() -> None:
    names = [mistake.name for mistake in [*MISTAKES, *DELETIONS]]
    assert len(names) == len(set(names)) >= 100
    assert len(MECHANICAL) >= 85
