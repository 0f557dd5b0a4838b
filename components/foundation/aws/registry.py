"""The image registry: a repository for each image, scanned and never overwritten."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from components import naming
from components.base import ArgsError, Component
from components.foundation.aws.tags import tags

SCANS: Final = {"basic": ("BASIC", "SCAN_ON_PUSH"), "enhanced": ("ENHANCED", "CONTINUOUS_SCAN")}
_UNTAGGED_DAYS: Final = 14


@dataclass(frozen=True)
class AwsRegistryArgs:
    """Arguments of `AwsRegistry`.

    Attributes:
        environment: Name of the environment; repositories are below it.
        account: The account that everything is in.
        region: Its region.
        key_arn: Key of the images.
        repositories: Names of the images.
        scanning: `basic` at each push, `enhanced` by Amazon Inspector all the time.
        protect: Whether repositories refuse deletion.
    """

    environment: str
    account: str
    region: str
    key_arn: pulumi.Input[str]
    repositories: Sequence[str]
    scanning: str = "basic"
    protect: bool = False


class AwsRegistry(Component[AwsRegistryArgs]):
    """Repositories in ECR: a tag names one image for ever, and every image is scanned.

    The scan is a setting of the whole registry of account and region and covers whatever is in it, so that
    environments which share an account and say the same do not undo each other's.

    Attributes:
        url: Host and path below which the repositories are.
        repositories: Where each image is pushed to and pulled from, without a tag.

    Raises:
        ArgsError: The kind of scan is unknown.
    """

    args_type = AwsRegistryArgs

    url: str
    repositories: Mapping[str, pulumi.Output[str]]

    def build(self, args: AwsRegistryArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        if args.scanning not in SCANS:
            raise ArgsError(
                f"AwsRegistry {self.name}: scanning {args.scanning!r} is unknown; give {' or '.join(SCANS)}"
            )
        self.repositories = {name: self._repository(args, name) for name in args.repositories}
        self._scan(args)
        self.url = f"{args.account}.dkr.ecr.{args.region}.amazonaws.com/{args.environment}"
        return {"url": self.url}

    def _repository(self, args: AwsRegistryArgs, name: str) -> pulumi.Output[str]:
        repository = aws.ecr.Repository(
            name,
            name=naming.physical("aws-ecr-repository", args.environment, name),
            image_tag_mutability="IMMUTABLE",
            # Whatever the account's setting comes to be.
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[
                aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=args.key_arn)
            ],
            force_delete=False,
            tags=tags(name),
            opts=self.child(protect=args.protect or None),
        )
        aws.ecr.LifecyclePolicy(
            name,
            repository=repository.name,
            policy=json.dumps(cleaning(), sort_keys=True),
            opts=self.child(),
        )
        return repository.repository_url

    def _scan(self, args: AwsRegistryArgs) -> None:
        kind, frequency = SCANS[args.scanning]
        aws.ecr.RegistryScanningConfiguration(
            self.name,
            scan_type=kind,
            rules=[
                aws.ecr.RegistryScanningConfigurationRuleArgs(
                    scan_frequency=frequency,
                    repository_filters=[
                        aws.ecr.RegistryScanningConfigurationRuleRepositoryFilterArgs(
                            filter="*", filter_type="WILDCARD"
                        )
                    ],
                )
            ],
            opts=self.child(),
        )


def cleaning() -> dict[str, Any]:
    """Returns the policy by which images that no tag names go; what a tag names stays."""
    return {
        "rules": [
            {
                "rulePriority": 1,
                "description": "images without a tag",
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": _UNTAGGED_DAYS,
                },
                "action": {"type": "expire"},
            }
        ]
    }
