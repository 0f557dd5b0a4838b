"""Keys: one for each purpose, so that a grant on one opens nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components import naming
from components.base import Component
from components.foundation.aws import documents
from components.foundation.aws.tags import tags


@dataclass(frozen=True)
class AwsKeysArgs:
    """Arguments of `AwsKeys`.

    Attributes:
        environment: Name of the environment; aliases begin with it.
        account: The account that everything is in.
        region: Its region.
        purposes: What keys are for; `documents.key_policy` names the services of each.
        deletion_window_days: Days in which a deleted key can be brought back, 7 to 30.
        protect: Whether keys refuse deletion: whoever loses a key loses what it encrypts.
    """

    environment: str
    account: pulumi.Input[str]
    region: str
    purposes: Sequence[str]
    deletion_window_days: int = 30
    protect: bool = False


class AwsKeys(Component[AwsKeysArgs]):
    """Customer-managed keys that rotate every year.

    Attributes:
        arns: ARN of the key by purpose.
    """

    args_type = AwsKeysArgs

    arns: Mapping[str, pulumi.Output[str]]

    def build(self, args: AwsKeysArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        account = pulumi.Output.from_input(args.account)
        self.arns = {purpose: self._key(args, str(purpose), account) for purpose in args.purposes}
        return {"arns": dict(self.arns)}

    def _key(self, args: AwsKeysArgs, purpose: str, account: pulumi.Output[str]) -> pulumi.Output[str]:
        key = aws.kms.Key(
            purpose,
            description=f"{args.environment}: {purpose}",
            policy=account.apply(lambda it: documents.render(documents.key_policy(purpose, it, args.region))),
            enable_key_rotation=True,
            deletion_window_in_days=args.deletion_window_days,
            tags=tags(purpose),
            opts=self.child(protect=args.protect or None),
        )
        aws.kms.Alias(
            purpose,
            name=f"alias/{naming.physical('aws-kms-alias', args.environment, purpose)}",
            target_key_id=key.key_id,
            opts=self.child(),
        )
        return key.arn
