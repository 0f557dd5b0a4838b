"""The object store through the edge, with real S3 clients."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from tests.end_to_end.foundation.keys import Identity, client, identity


@pytest.fixture(scope="module")
def lakefs(platform: Any) -> Identity:
    return identity(platform, "lakefs")


@pytest.fixture(scope="module")
def mlflow(platform: Any) -> Identity:
    return identity(platform, "mlflow")


@pytest.fixture(scope="module")
def s3(platform: Any, mlflow: Identity) -> Any:
    return client(platform, mlflow.access_key, mlflow.secret_key)


def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(ClientError) as error:
        call()
    response: Any = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_what_was_put_comes_back(s3: Any, mlflow: Identity) -> None:
    (bucket,) = mlflow.buckets
    s3.put_object(Bucket=bucket, Key="end-to-end/greeting", Body=b"hello")
    assert s3.get_object(Bucket=bucket, Key="end-to-end/greeting")["Body"].read() == b"hello"
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="end-to-end/")
    assert [entry["Key"] for entry in listed["Contents"]] == ["end-to-end/greeting"]


def test_a_large_object_arrives_in_parts(s3: Any, mlflow: Identity) -> None:
    (bucket,) = mlflow.buckets
    body = bytes(range(256)) * 4096 * 20
    upload = s3.create_multipart_upload(Bucket=bucket, Key="end-to-end/large")
    size = len(body) // 2
    parts = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(
                Bucket=bucket,
                Key="end-to-end/large",
                UploadId=upload["UploadId"],
                PartNumber=number,
                Body=body[(number - 1) * size : number * size],
            )["ETag"],
        }
        for number in (1, 2)
    ]
    s3.complete_multipart_upload(
        Bucket=bucket, Key="end-to-end/large", UploadId=upload["UploadId"], MultipartUpload={"Parts": parts}
    )
    assert s3.get_object(Bucket=bucket, Key="end-to-end/large")["Body"].read() == body


def test_what_was_overwritten_can_be_had_back(s3: Any, mlflow: Identity) -> None:
    (bucket,) = mlflow.buckets
    first = s3.put_object(Bucket=bucket, Key="end-to-end/changed", Body=b"first")["VersionId"]
    s3.put_object(Bucket=bucket, Key="end-to-end/changed", Body=b"second")
    s3.delete_object(Bucket=bucket, Key="end-to-end/changed")
    old = s3.get_object(Bucket=bucket, Key="end-to-end/changed", VersionId=first)
    assert old["Body"].read() == b"first"


@pytest.mark.parametrize("operation", ["get_object", "put_object", "delete_object", "list_objects_v2"])
def test_an_identity_reaches_no_other_bucket(
    s3: Any, mlflow: Identity, lakefs: Identity, operation: str
) -> None:
    (foreign,) = set(lakefs.buckets) - set(mlflow.buckets)
    arguments = {"Bucket": foreign} if operation == "list_objects_v2" else {"Bucket": foreign, "Key": "x"}
    assert refusal(lambda: getattr(s3, operation)(**arguments)) == (403, "AccessDenied")


def test_an_identity_changes_no_bucket(s3: Any, mlflow: Identity) -> None:
    (bucket,) = mlflow.buckets
    suspended = {"Status": "Suspended"}
    for call in (
        lambda: s3.create_bucket(Bucket="of-my-own"),
        lambda: s3.delete_bucket(Bucket=bucket),
        lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=suspended),
        lambda: s3.put_bucket_policy(Bucket=bucket, Policy='{"Version": "2012-10-17", "Statement": []}'),
    ):
        assert refusal(call)[0] == 403


def test_an_identity_sees_its_own_buckets_alone(s3: Any, mlflow: Identity) -> None:
    assert [entry["Name"] for entry in s3.list_buckets()["Buckets"]] == list(mlflow.buckets)


def test_a_wrong_secret_is_refused(platform: Any, mlflow: Identity) -> None:
    intruder = client(platform, mlflow.access_key, "wrong" * 8)
    assert refusal(lambda: intruder.list_objects_v2(Bucket=mlflow.buckets[0])) == (
        403,
        "SignatureDoesNotMatch",
    )


def test_an_unknown_key_is_refused(platform: Any, mlflow: Identity) -> None:
    intruder = client(platform, "stranger", mlflow.secret_key)
    assert refusal(lambda: intruder.list_objects_v2(Bucket=mlflow.buckets[0])) == (403, "InvalidAccessKeyId")


def test_nobody_is_anonymous(platform: Any, mlflow: Identity) -> None:
    (bucket,) = mlflow.buckets
    for path in ("", f"/{bucket}", f"/{bucket}/end-to-end/greeting"):
        answer = requests.get(f"{platform.url('s3')}{path}", verify=platform.ca_file, timeout=30)
        assert answer.status_code == 403, path
