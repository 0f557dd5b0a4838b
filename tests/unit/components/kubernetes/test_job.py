"""What a provisioning job sends over the wire."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from components.base import ArgsError
from components.foundation.contract import Peer
from components.kubernetes.configuration import SecretKey
from components.kubernetes.job import ProvisioningJob, ProvisioningJobArgs
from components.kubernetes.workload import pods_of

JOB = "kubernetes:batch/v1:Job"
BASE: dict[str, Any] = {
    "namespace": "data",
    "image": "registry.example.com/toolbox@sha256:" + "0" * 64,
    "command": ["sh", "/job/run.sh"],
    "environment": {"HOST": "db"},
    "secret_environment": {"PASSWORD": "sentinel-5f1c"},
    "files": {"/job/run.sh": "echo"},
    "secret_files": {"/job/key": "k"},
}


def arguments(**changed: Any) -> ProvisioningJobArgs:
    return ProvisioningJobArgs(**{**BASE, **changed})


def name(recorded: Any) -> str:
    found: str = recorded.one(JOB).inputs["metadata"]["name"]
    return found


def test_it_is_hardened_and_stays_after_completion(run_program: Any) -> None:
    recorded = run_program(lambda: ProvisioningJob("setup", arguments()))
    spec = recorded.one(JOB).inputs["spec"]
    assert spec["backoffLimit"] == 6
    assert spec["activeDeadlineSeconds"] == 600
    assert "ttlSecondsAfterFinished" not in spec
    pod = spec["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    container = pod["containers"][0]["securityContext"]
    assert container["readOnlyRootFilesystem"] is True
    assert container["allowPrivilegeEscalation"] is False
    assert container["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize(
    "changed",
    [
        {"image": "registry.example.com/toolbox@sha256:" + "1" * 64},
        {"command": ["sh", "/job/other.sh"]},
        {"args": ["-x"]},
        {"environment": {"HOST": "db2"}},
        {"secret_environment": {"PASSWORD": "another"}},
        {"files": {"/job/run.sh": "echo 2"}},
        {"secret_files": {"/job/key": "k2"}},
        {"user": 10002},
        {"environment_from": {"TOKEN": SecretKey("server", "token")}},
    ],
)
def test_changed_content_makes_another_job(run_program: Any, changed: dict[str, Any]) -> None:
    before = name(run_program(lambda: ProvisioningJob("setup", arguments())))
    after = name(run_program(lambda: ProvisioningJob("setup", arguments(**changed))))
    assert before.startswith("setup-")
    assert after.startswith("setup-")
    assert before != after


def test_what_is_no_content_makes_no_other_job(run_program: Any) -> None:
    before = name(run_program(lambda: ProvisioningJob("setup", arguments())))
    after = name(run_program(lambda: ProvisioningJob("setup", arguments(memory="256Mi", backoff_limit=9))))
    assert before == after


def test_the_old_job_goes_before_the_new_one_comes(run_program: Any) -> None:
    job = run_program(lambda: ProvisioningJob("setup", arguments())).one(JOB)
    assert job.delete_before_replace


def test_the_name_is_plain_and_holds_no_secret(run_program: Any) -> None:
    recorded = run_program(lambda: ProvisioningJob("setup", arguments()))
    assert not recorded.one(JOB).secrets
    assert "sentinel" not in str([r for r in recorded.resources if r.type != "kubernetes:core/v1:Secret"])
    assert recorded.value(recorded.result.completed) == name(recorded)


def test_it_reaches_its_callees_and_nobody_reaches_it(run_program: Any) -> None:
    recorded = run_program(
        lambda: ProvisioningJob("setup", arguments(callees=[(pods_of("db", "data"), 5432)]))
    )
    policy = recorded.one("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    assert policy.inputs["spec"]["ingress"] == []
    assert policy.inputs["spec"]["egress"][2]["ports"] == [{"protocol": "TCP", "port": 5432}]
    assert policy.urn in recorded.one(JOB).dependencies
    labels = recorded.one(JOB).inputs["spec"]["template"]["metadata"]["labels"]
    assert policy.inputs["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert recorded.result.peer == pods_of("setup", "data")


def test_children_use_the_component_and_its_provider(run_program: Any) -> None:
    def program() -> ProvisioningJob:
        provider = kubernetes.Provider("cluster", kubeconfig="{}")
        return ProvisioningJob("setup", arguments(), pulumi.ResourceOptions(provider=provider))

    recorded = run_program(program)
    children = [r for r in recorded.resources if r.type.startswith("kubernetes:")]
    assert len(children) == 4
    assert {r.parent for r in children} == {recorded.one("colonnade:index:ProvisioningJob").urn}
    assert {r.provider for r in children} == {
        f"{recorded.one('pulumi:providers:kubernetes').urn}::cluster-id"
    }


def test_dict_and_dataclass_make_the_same_resources(run_program: Any) -> None:
    plain = {**BASE, "callees": [[{"namespace": "db"}, 5432.0]], "backoffLimit": 2.0}
    typed = arguments(callees=[(Peer("db"), 5432)], backoff_limit=2)
    by_dict = run_program(lambda: ProvisioningJob("setup", plain)).resources
    by_class = run_program(lambda: ProvisioningJob("setup", typed)).resources
    assert sorted(by_dict, key=lambda r: r.urn) == sorted(by_class, key=lambda r: r.urn)


def test_variables_come_from_secrets_of_others_before_those_that_may_name_them(run_program: Any) -> None:
    def program() -> ProvisioningJob:
        source = SecretKey(pulumi.Output.from_input("server"), "token")
        return ProvisioningJob("setup", arguments(environment_from={"TOKEN": source}))

    spec = run_program(program).one(JOB).inputs["spec"]["template"]["spec"]
    assert spec["containers"][0]["env"] == [
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "server", "key": "token"}}},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "setup", "key": "PASSWORD"}}},
        {"name": "HOST", "value": "db"},
    ]


def test_another_secret_makes_another_job(run_program: Any) -> None:
    names = {
        name(
            run_program(lambda key=key: ProvisioningJob("setup", arguments(environment_from={"TOKEN": key})))
        )
        for key in (SecretKey("server", "token"), SecretKey("other", "token"), SecretKey("server", "key"))
    }
    assert len(names) == 3


def test_a_job_without_secrets_of_others_keeps_the_name_that_it_always_had(run_program: Any) -> None:
    assert name(run_program(lambda: ProvisioningJob("setup", arguments()))) == "setup-8fd0fb56e9"


@pytest.mark.parametrize("variable", ["HOST", "PASSWORD"])
def test_a_variable_of_two_sources_is_refused(run_program: Any, variable: str) -> None:
    given = arguments(environment_from={variable: SecretKey("server", "token")})
    with pytest.raises(ArgsError, match=f"variable {variable} is both given and taken from a Secret"):
        run_program(lambda: ProvisioningJob("setup", given))


def test_faults_are_named(run_program: Any) -> None:
    with pytest.raises(ArgsError, match=r"user 0 is root.*not pinned.*'run.sh' is not absolute"):
        run_program(lambda: ProvisioningJob("setup", arguments(user=0, image="x", files={"run.sh": ""})))


def test_case_4_a_failed_job_is_replaced(run_program: Any) -> None:
    recorded = run_program(lambda: ProvisioningJob("setup", arguments()))
    job = recorded.one(JOB)
    assert job.inputs["metadata"]["annotations"] == {"pulumi.com/replaceUnready": "true"}
    assert job.delete_before_replace
