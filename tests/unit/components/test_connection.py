"""Addresses and environments of databases and stores."""

from typing import Any

import pytest

from components import connection
from components.foundation.contract import StoreAccess
from tests.unit.components.data.grants import DATABASE, MANAGED_STORES, STORE


def test_passwords_survive_in_a_database_url() -> None:
    url = connection.render_database_url("postgres", "require", "db", 5432.0, "lake", "user", "p@ss:w/rd%1")
    assert url == "postgres://user:p%40ss%3Aw%2Frd%251@db:5432/lake?sslmode=require"


def test_a_database_url_is_secret(run_program: Any) -> None:
    recorded = run_program(lambda: connection.database_url(DATABASE, "postgres"))
    assert recorded.is_secret(recorded.result)
    expected = "postgres://app:sentinel-5f1c@postgresql.colonnade-foundation.svc:5432/app?sslmode=prefer"
    assert recorded.value(recorded.result) == expected


@pytest.mark.parametrize(
    ("store", "path", "uri"),
    [
        (STORE, "", "s3://lake-7f3a"),
        (STORE, "feast", "s3://lake-7f3a/feast"),
        (MANAGED_STORES["gs"], "feast", "gs://lake-7f3a/feast"),
    ],
)
def test_a_store_is_addressed_in_its_scheme(
    run_program: Any, store: StoreAccess, path: str, uri: str
) -> None:
    recorded = run_program(lambda: connection.store_uri(store, path))
    assert recorded.value(recorded.result) == uri


def test_keys_are_in_the_secret_environment_alone() -> None:
    plain, secret = connection.store_environment(STORE)
    assert plain == {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": "http://seaweedfs.colonnade-foundation.svc:8333",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }
    assert secret == {"AWS_ACCESS_KEY_ID": "KEYID", "AWS_SECRET_ACCESS_KEY": "sentinel-5f1c"}


def test_a_managed_store_gets_neither_endpoint_nor_keys() -> None:
    plain, secret = connection.store_environment(MANAGED_STORES["s3"])
    assert plain == {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    assert secret == {}


@pytest.mark.parametrize("scheme", ["gs", "abfss"])
def test_another_store_gets_nothing_of_s3(scheme: str) -> None:
    """Case 21."""
    assert connection.store_environment(MANAGED_STORES[scheme]) == ({}, {})
