"""An account that a rehearsal kept can be looked at with boto3."""

import signal
import subprocess
import sys
from pathlib import Path

import boto3

from bootstrap.rehearsal.aws import aws
from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.operations import Operations


def test_it_answers_until_it_is_interrupted(tmp_path: Path) -> None:
    file, number, region = tmp_path / "account.sqlite", "111122223333", "eu-central-1"
    account = Store(aws(), number, region, file)
    Operations(account).create("aws:s3/bucket:Bucket", {"bucket": "colonnade-lake"}, {})
    account.close()
    command = [sys.executable, "-m", "bootstrap.rehearsal.aws.kept", str(file), number, region]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout
        lines = [serving.stdout.readline() for _ in range(4)]
        variables = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
        assert variables["AWS_DEFAULT_REGION"] == region
        client = boto3.client(
            "s3",
            region_name=region,
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        )
        assert [bucket["Name"] for bucket in client.list_buckets()["Buckets"]] == ["colonnade-lake"]
        client.close()
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=30) == 0
