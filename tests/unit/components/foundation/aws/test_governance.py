"""What watches over an environment on AWS: what goes over the wire, and that each part is optional."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.base import ArgsError
from components.foundation.aws.governance import AwsGovernance, AwsGovernanceArgs, trail_name

TRAIL = "aws:cloudtrail/trail:Trail"
MACIE = "aws:macie2/account:Account"
JOB = "aws:macie2/classificationJob:ClassificationJob"
BUDGET = "aws:budgets/budget:Budget"
ACCOUNT = "123456789012"
ALL: dict[str, Any] = {
    "trail_bucket": "prod-trail-0a1b",
    "data_scan": True,
    "budget_usd": 5000,
    "recipients": ["ml@example.com", "money@example.com"],
}


def governance(**changes: Any) -> AwsGovernance:
    arguments: dict[str, Any] = {
        "environment": "prod",
        "account": ACCOUNT,
        "lake_bucket": "prod-lake-0a1b",
        "log_key_arn": "log-key-arn",
    }
    provider = aws.Provider("aws", region="eu-central-1")
    return AwsGovernance(
        "governance", AwsGovernanceArgs(**(arguments | changes)), pulumi.ResourceOptions(providers=[provider])
    )


@pytest.fixture
def run(run_program: Any) -> Any:
    return lambda **changes: run_program(lambda: governance(**changes))


def kinds(recorded: Any) -> set[str]:
    return {resource.type for resource in recorded.resources if resource.type.startswith("aws:")}


@pytest.mark.parametrize(
    ("off", "gone"),
    [
        ({"trail_bucket": None}, {TRAIL}),
        ({"data_scan": False}, {MACIE, JOB}),
        ({"budget_usd": None}, {BUDGET}),
        ({"trail_bucket": None, "data_scan": False, "budget_usd": None}, {TRAIL, MACIE, JOB, BUDGET}),
    ],
)
def test_case_19_each_part_can_be_left_out(run: Any, off: dict[str, Any], gone: set[str]) -> None:
    assert kinds(run(**(ALL | off))) == {TRAIL, MACIE, JOB, BUDGET} - gone


def test_every_call_in_every_region_is_recorded_and_the_record_can_be_checked(run: Any) -> None:
    given = run(**ALL).one(TRAIL).inputs
    assert given["name"] == trail_name("prod") == "prod-trail"
    assert given["s3BucketName"] == "prod-trail-0a1b"
    assert given["kmsKeyId"] == "log-key-arn"
    assert given["isMultiRegionTrail"] is True
    assert given["includeGlobalServiceEvents"] is True
    assert given["enableLogFileValidation"] is True
    # The bucket's policy admits paths without one.
    assert "s3KeyPrefix" not in given


def test_the_lake_is_searched_every_week(run: Any) -> None:
    recorded = run(**ALL)
    assert recorded.one(MACIE).inputs["status"] == "ENABLED"
    job = recorded.one(JOB)
    assert job.inputs["name"] == "prod-lake"
    assert job.inputs["jobType"] == "SCHEDULED"
    assert job.inputs["scheduleFrequency"] == {"weeklySchedule": "SUNDAY"}
    assert job.inputs["s3JobDefinition"] == {
        "bucketDefinitions": [{"accountId": ACCOUNT, "buckets": ["prod-lake-0a1b"]}]
    }
    assert recorded.one(MACIE).urn in job.dependencies


def test_people_are_told_before_the_budget_is_spent(run: Any) -> None:
    given = run(**ALL).one(BUDGET).inputs
    assert (given["name"], given["budgetType"], given["timeUnit"]) == ("prod", "COST", "MONTHLY")
    assert (given["limitAmount"], given["limitUnit"]) == ("5000", "USD")
    assert given["costFilters"] == [{"name": "TagKeyValue", "values": ["user:environment$prod"]}]
    assert [(it["notificationType"], it["threshold"]) for it in given["notifications"]] == [
        ("ACTUAL", 80),
        ("FORECASTED", 100),
    ]
    for notice in given["notifications"]:
        assert (notice["comparisonOperator"], notice["thresholdType"]) == ("GREATER_THAN", "PERCENTAGE")
        assert notice["subscriberEmailAddresses"] == ["ml@example.com", "money@example.com"]


@pytest.mark.parametrize("recipients", [[], [f"{n}@example.com" for n in range(11)]])
def test_a_budget_that_nobody_hears_of_is_refused(run: Any, recipients: list[str]) -> None:
    with pytest.raises(ArgsError, match="give 1 to 10"):
        run(budget_usd=100, recipients=recipients)


def test_every_child_goes_through_the_provider_given_and_bears_a_name_of_its_own(run: Any) -> None:
    recorded = run(**ALL)
    for kind in (TRAIL, MACIE, JOB, BUDGET):
        resource = recorded.one(kind)
        assert resource.parent == recorded.one("colonnade:index:AwsGovernance").urn
        assert resource.provider.startswith(recorded.one("pulumi:providers:aws").urn)
    assert {recorded.one(kind).inputs["tags"]["Name"] for kind in (TRAIL, BUDGET)} == {"governance"}
    assert recorded.one(JOB).inputs["tags"]["Name"] == "lake"
