"""What `colonnade up` says in the end."""

from pathlib import Path

from bootstrap.lifecycle.commands import _closing
from stacks.settings import load_file

ENVIRONMENTS = Path(__file__).parents[4] / "stacks" / "environments"


def closing(stack: str, kubeconfig: str) -> list[str]:
    settings = load_file(ENVIRONMENTS / f"Pulumi.{stack}.yaml")
    return _closing(stack, {"kubeconfig": kubeconfig, "kube_context": "it"}, settings)


def test_a_cluster_that_was_there_before_has_a_kubeconfig() -> None:
    lines = closing("on-premises-prod", "/home/me/.kube/config")
    assert lines == [
        "kubeconfig: /home/me/.kube/config (context it)",
        "before you try: source .venv/bin/activate",
    ]


def test_to_a_cluster_on_aws_a_command_leads() -> None:
    lines = closing("aws-prod", '{"apiVersion": "v1"}')
    region = load_file(ENVIRONMENTS / "Pulumi.aws-prod.yaml").region
    assert lines[0] == f"kubeconfig: aws eks update-kubeconfig --name it --region {region} --alias it"
    assert "apiVersion" not in "".join(lines)
