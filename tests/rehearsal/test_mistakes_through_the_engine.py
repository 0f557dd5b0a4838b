"""Mistakes in a program are refused through the real engine, with the property and the reason."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bootstrap.engine import engine_environment
from bootstrap.rehearsal.aws import aws
from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.faults import Faults
from bootstrap.rehearsal.standin.server import plugin_script, serve
from bootstrap.toolchain import binary

ROOT = Path(__file__).parents[2]
HEAD = """
import json
import pulumi
import pulumi_aws as aws
provider = aws.Provider("aws", region="eu-central-1", allowed_account_ids=["123456789012"])
opts = pulumi.ResourceOptions(provider=provider)
vpc = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16", tags={"Name": "network"}, opts=opts)
"""
# What is wrong, what the engine says of it, and who else says so.
MISTAKES = {
    "a bucket in capitals": (
        'aws.s3.Bucket("lake", bucket="My_Lake", opts=opts)',
        ["bucket", "My_Lake"],
    ),
    "a subnet outside its network": (
        'aws.ec2.Subnet("a", vpc_id=vpc.id, cidr_block="10.1.0.0/24", opts=opts)',
        ["cidrBlock", "10.1.0.0/24"],
    ),
    "subnets that overlap": (
        'a = aws.ec2.Subnet("a", vpc_id=vpc.id, cidr_block="10.0.0.0/24", opts=opts)\n'
        'aws.ec2.Subnet("b", vpc_id=vpc.id, cidr_block="10.0.0.128/25",\n'
        "    opts=pulumi.ResourceOptions(provider=provider, depends_on=[a]))",
        ["cidrBlock", "10.0.0.0/24"],
    ),
    "a security group of no network": (
        'aws.ec2.SecurityGroup("a", name="a", vpc_id="vpc-0123456789abcdef0", opts=opts)',
        ["vpcId", "vpc-0123456789abcdef0"],
    ),
    "a key that nobody can administer": (
        'aws.kms.Key("lake", policy=json.dumps({"Version": "2012-10-17", "Statement": []}), opts=opts)',
        ["policy"],
    ),
    "a size that the region does not have": (
        'aws.rds.Instance("db", identifier="db", engine="postgres", instance_class="db.m99.large",\n'
        '    allocated_storage=20, username="colonnade", manage_master_user_password=True,\n'
        "    skip_final_snapshot=True, opts=opts)",
        ["instanceClass", "db.m99.large"],
    ),
    "a property that there is not": (
        'pulumi.CustomResource("aws:ec2/vpc:Vpc", "odd", {"cidrBlok": "10.2.0.0/16"}, opts)',
        ["cidrBlok"],
    ),
}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """A function that runs `pulumi up` of a program against an empty account."""
    store = Store(aws(), "123456789012", "eu-central-1")
    server = serve(store, Faults())
    plugins = tmp_path / "bin"
    plugins.mkdir()
    plugin = plugins / "pulumi-resource-aws"
    plugin.write_text(plugin_script(server.port))
    plugin.chmod(0o755)
    (tmp_path / "backend").mkdir()
    variables = engine_environment(f"file://{tmp_path / 'backend'}")
    variables |= {
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "rehearsal",
        "PATH": os.pathsep.join([str(plugins), variables["PATH"]]),
    }
    variables.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)

    def up(program: str) -> subprocess.CompletedProcess[str]:
        project = tmp_path / "project"
        project.mkdir()
        runtime = f"{{name: python, options: {{virtualenv: {ROOT / '.venv'}}}}}"
        (project / "Pulumi.yaml").write_text(f"name: trial\nruntime: {runtime}\n")
        (project / "__main__.py").write_text(program)
        run = [str(binary("pulumi")), "--cwd", str(project), "--non-interactive", "--color", "never"]
        subprocess.run([*run, "stack", "init", "trial"], env=variables, check=True, capture_output=True)
        return subprocess.run(
            [*run, "up", "--yes", "--skip-preview", "--stack", "trial"],
            env=variables,
            check=False,
            capture_output=True,
            text=True,
        )

    yield up
    server.stop()
    store.close()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_it_is_refused(mistake: str, engine: Callable[[str], subprocess.CompletedProcess[str]]) -> None:
    wrong, said = MISTAKES[mistake]
    ended = engine(HEAD + wrong)
    assert ended.returncode != 0
    for words in said:
        assert words in ended.stdout + ended.stderr


def test_the_program_around_the_mistakes_is_right(
    engine: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    ended = engine(HEAD)
    assert ended.returncode == 0, ended.stdout + ended.stderr
