"""What watches over the environment: the record of all calls, the search for personal data, the budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from components import naming
from components.base import Component
from components.foundation.aws.storage import TRAIL_PREFIX
from components.foundation.aws.tags import tags

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
        log_bucket: Bucket of the audit trail; its policy admits the trail.
        log_key_arn: Key of the audit trail.
        lake_bucket: Bucket that is searched.
        audit_trail: Whether every call of the API is recorded.
        data_scan: Whether the lake is searched for personal data once a week.
        budget_usd: US dollars a month, None for no budget.
        recipients: Who is told at 80 % of the budget, and when more than all of it is foreseen.
    """

    environment: str
    account: str
    log_bucket: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]
    lake_bucket: pulumi.Input[str]
    audit_trail: bool = False
    data_scan: bool = False
    budget_usd: int | None = None
    recipients: Sequence[str] = ()


class AwsGovernance(Component[AwsGovernanceArgs]):
    """CloudTrail, Macie and Budgets, each where it is asked for.

    The caller's dependencies are those of the bucket's policy: a trail that cannot be delivered is refused.
    Macie is switched on for account and region as a whole.
    """

    args_type = AwsGovernanceArgs

    def build(self, args: AwsGovernanceArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        if args.audit_trail:
            name = trail_name(args.environment)
            aws.cloudtrail.Trail(
                self.name,
                name=name,
                s3_bucket_name=args.log_bucket,
                s3_key_prefix=TRAIL_PREFIX,
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
        return {"audit_trail": args.audit_trail, "data_scan": args.data_scan}

    def _scan(self, args: AwsGovernanceArgs) -> None:
        macie = aws.macie2.Account(
            self.name, status="ENABLED", finding_publishing_frequency="SIX_HOURS", opts=self.child()
        )
        aws.macie2.ClassificationJob(
            "lake",
            name=f"{args.environment}-lake",
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
            name=args.environment,
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
