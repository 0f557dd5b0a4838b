from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.rehearsal.standin.cloud import Cloud
from bootstrap.rehearsal.standin.table import TableError, TypeTable, read

from .conftest import BUCKET, SUBNET, VPC


def written(folder: Path, text: str) -> Path:
    file = folder / "types.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_behaviours_carry_the_source_of_the_table_or_their_own(cloud: Cloud) -> None:
    assert cloud.types[VPC].update == {"enableDnsSupport": "the manual", "tags": ""}
    assert cloud.types[BUCKET].replace == {"bucket": "", "objectLockEnabled": ""}
    assert cloud.types[SUBNET].refers["vpcId"] == ["aws:ec2/vpc:Vpc"]


def test_an_unknown_key_names_file_type_and_key(tmp_path: Path) -> None:
    file = written(tmp_path, "a:b:C: {source: x, id: y, updates: []}")
    with pytest.raises(TableError, match=r"types.yaml: a:b:C: updates: Extra inputs are not permitted"):
        read([file])


def test_a_type_has_one_table(tmp_path: Path) -> None:
    file = written(tmp_path, "a:b:C: {source: x, id: y}")
    with pytest.raises(TableError, match="a:b:C has a table already"):
        read([file, file])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"values": {"a": "long"}}, "no validator 'long'"),
        ({"name": {"property": "a", "limit": "long"}}, "no validator 'long'"),
        ({"refers": {"a": "aws:x:Y#arn"}}, "a refers to aws:x:Y#arn, which has no table"),
    ],
)
def test_a_table_names_what_the_cloud_has(cloud: Cloud, table: dict[str, object], message: str) -> None:
    faulty = TypeTable.model_validate({"source": "x", "id": "y", **table})
    with pytest.raises(TableError, match=f"{VPC}: {message}"):
        replace(cloud, types={**cloud.types, VPC: faulty})


def test_rules_are_of_types_that_have_tables(cloud: Cloud) -> None:
    with pytest.raises(TableError, match="aws:x:Y: a rule, but no table"):
        replace(cloud, deleting={"aws:x:Y": []})
