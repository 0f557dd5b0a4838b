"""Policy documents of the cluster and of what works for it, as pure functions of plain text."""

from components.foundation.aws.documents import Document, document


def service_trust(service: str) -> Document:
    """Lets an AWS service take a role."""
    return document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})


def disks(key_arn: str) -> Document:
    """Lets the driver of volumes use the key of disks.

    Source: Amazon EKS user guide, "Use an Amazon EBS CSI driver with a customer-managed key".
    """
    return document(
        {
            "Sid": "Grant",
            "Effect": "Allow",
            "Action": ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
            "Resource": key_arn,
            "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
        {
            "Sid": "Encrypt",
            "Effect": "Allow",
            "Action": [
                "kms:Encrypt",
                "kms:Decrypt",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
                "kms:GenerateDataKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:DescribeKey",
            ],
            "Resource": key_arn,
        },
    )


def autoscaler(cluster: str, account: str, region: str) -> Document:
    """Lets the autoscaler size the groups of its own cluster, and look at the rest.

    What only looks admits no bounds in IAM. Source: Cluster Autoscaler, cloudprovider/aws/README.md, "IAM
    Policy"; Service Authorization Reference of EC2 Auto Scaling, EC2 and EKS.
    """
    return document(
        {
            "Sid": "Look",
            "Effect": "Allow",
            "Action": [
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeLaunchConfigurations",
                "autoscaling:DescribeScalingActivities",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:GetInstanceTypesFromInstanceRequirements",
            ],
            "Resource": "*",
        },
        {
            "Sid": "LookAtPools",
            "Effect": "Allow",
            "Action": "eks:DescribeNodegroup",
            "Resource": f"arn:aws:eks:{region}:{account}:nodegroup/{cluster}/*",
        },
        {
            "Sid": "Resize",
            "Effect": "Allow",
            "Action": [
                "autoscaling:SetDesiredCapacity",
                "autoscaling:TerminateInstanceInAutoScalingGroup",
            ],
            "Resource": f"arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/*",
            "Condition": {"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster}": "owned"}},
        },
    )
