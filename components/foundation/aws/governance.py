"""What watches over the environment: the record of all calls, the search for personal data, the budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from components import naming
from components.base import ArgsError, Component
from components.foundation.aws.tags import tags

# Source: AWS Budgets API reference, CreateNotification.
_RECIPIENTS: Final = 10
_NOTICES: Final = (("ACTUAL", 80.0), ("FORECASTED", 100.0))


def trail_name(environment: str) -> str:
    """Returns the name of the audit trail, which the policies of its bucket and key speak of."""
    return naming.physical("aws-trail", environment, "trail")


@dataclass(frozen=True)
class AwsGovernanceArgs:
    """Arguments of `AwsGovernance`.

    Attributes:
        environment: Name of the environment.
        account: The account that everything is in.
        lake_bucket: Bucket that is searched.
        log_key_arn: Key of the audit trail.
        trail_bucket: Bucket of the audit trail, whose policy admits it; None for no record of calls.
        data_scan: Whether the lake is searched for personal data once a week.
        budget_usd: US dollars a month, None for no budget.
        recipients: Who is told at 80 % of the budget, and when more than all of it is foreseen.
    """

    environment: str
    account: str
    lake_bucket: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]
    trail_bucket: pulumi.Input[str] | None = None
    data_scan: bool = False
    budget_usd: int | None = None
    recipients: Sequence[str] = ()


class AwsGovernance(Component[AwsGovernanceArgs]):
    """CloudTrail, Macie and Budgets, each where it is asked for.

    The caller's dependencies are those of the bucket's policy: a trail that cannot be delivered is refused.
    Macie is switched on for account and region as a whole.

    Raises:
        ArgsError: Nobody, or more than AWS writes to, would be told of the budget.
    """

    args_type = AwsGovernanceArgs

    def build(self, args: AwsGovernanceArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        if args.budget_usd is not None and not 1 <= len(args.recipients) <= _RECIPIENTS:
            raise ArgsError(
                f"AwsGovernance {self.name}: {len(args.recipients)} recipients of the budget's notices; "
                f"give 1 to {_RECIPIENTS}"
            )
        if args.trail_bucket is not None:
            aws.cloudtrail.Trail(
                self.name,
                name=trail_name(args.environment),
                s3_bucket_name=args.trail_bucket,
                kms_key_id=args.log_key_arn,
                enable_log_file_validation=True,
                include_global_service_events=True,
                is_multi_region_trail=True,
                tags=tags(self.name),
                opts=self.child(),
            )
        if args.data_scan:
            self._scan(args)
        if args.budget_usd is not None:
            self._budget(args, args.budget_usd)
        return {"audit_trail": args.trail_bucket is not None, "data_scan": args.data_scan}

    def _scan(self, args: AwsGovernanceArgs) -> None:
        macie = aws.macie2.Account(
            self.name, status="ENABLED", finding_publishing_frequency="SIX_HOURS", opts=self.child()
        )
        aws.macie2.ClassificationJob(
            "lake",
            name=naming.physical("aws-macie-job", args.environment, "lake"),
            job_type="SCHEDULED",
            initial_run=True,
            schedule_frequency=aws.macie2.ClassificationJobScheduleFrequencyArgs(weekly_schedule="SUNDAY"),
            s3_job_definition=aws.macie2.ClassificationJobS3JobDefinitionArgs(
                bucket_definitions=[
                    aws.macie2.ClassificationJobS3JobDefinitionBucketDefinitionArgs(
                        account_id=args.account, buckets=[args.lake_bucket]
                    )
                ]
            ),
            tags=tags("lake"),
            opts=self.child(depends_on=[macie]),
        )

    def _budget(self, args: AwsGovernanceArgs, limit: int) -> None:
        aws.budgets.Budget(
            self.name,
            name=naming.physical("aws-budget", args.environment),
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(limit),
            limit_unit="USD",
            # Only what carries the environment's tag counts, as several environments may share an account.
            cost_filters=[
                aws.budgets.BudgetCostFilterArgs(
                    name="TagKeyValue", values=[f"user:environment${args.environment}"]
                )
            ],
            notifications=[
                aws.budgets.BudgetNotificationArgs(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=threshold,
                    threshold_type="PERCENTAGE",
                    subscriber_email_addresses=list(args.recipients),
                )
                for kind, threshold in _NOTICES
            ],
            tags=tags(self.name),
            opts=self.child(),
        )
