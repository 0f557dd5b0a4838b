"""The base of all components: arguments, options of children, frozen tokens."""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_random as random
import pytest

import components
from components.base import ArgsError, Component, coerce

# A changed or lost token replaces what stands under it in every stack: rename with an alias, and add here.
TOKENS = [
    f"colonnade:index:{name}"
    for name in [
        "AwsCache",
        "AwsCluster",
        "AwsDatabase",
        "AwsEdge",
        "AwsFoundation",
        "AwsGovernance",
        "AwsIdentity",
        "AwsKeys",
        "AwsNetwork",
        "AwsNodePool",
        "AwsRegistry",
        "AwsSecrets",
        "AwsStorage",
        "Cache",
        "Chart",
        "CloudNativePG",
        "Edge",
        "Feast",
        "LakeFs",
        "MlFlow",
        "Namespace",
        "ObjectStore",
        "OnPremisesFoundation",
        "PostgreSQL",
        "ProvisioningJob",
        "Route",
        "SingleSignOn",
        "Workload",
    ]
]


@dataclass(frozen=True)
class Part:
    size: int
    label: pulumi.Input[str] = "x"


@dataclass(frozen=True)
class ExampleArgs:
    name: pulumi.Input[str]
    replica_count: int = 1
    part: Part | None = None
    parts: Sequence[Part] = ()
    pairs: Sequence[tuple[Part, int]] = ()
    by_name: Mapping[str, Part] = field(default_factory=dict)
    free: Mapping[str, Any] = field(default_factory=dict)


class Example(Component[ExampleArgs]):
    args_type = ExampleArgs

    def build(self, args: ExampleArgs) -> Mapping[str, pulumi.Input[Any]]:
        self.given = args
        random.RandomPet(self.name, length=args.replica_count, opts=self.child())
        return {"name": args.name}


def subclasses(kind: type[Any]) -> set[type[Any]]:
    found = set(kind.__subclasses__())
    return found.union(*(subclasses(each) for each in found)) if found else found


def test_tokens_are_frozen() -> None:
    for module in pkgutil.walk_packages(components.__path__, "components."):
        importlib.import_module(module.name)
    ours = {each for each in subclasses(Component) if each.__module__.startswith("components.")}
    # An abstract component registers nothing under its own name.
    tokens = sorted(f"colonnade:index:{each.__name__}" for each in ours if hasattr(each, "args_type"))
    assert tokens == sorted(TOKENS)


def test_the_token_is_that_of_the_class(run_program: Any) -> None:
    recorded = run_program(lambda: Example("it", ExampleArgs("n")))
    assert recorded.one("colonnade:index:Example").name == "it"
    assert recorded.registered_outputs[recorded.one("colonnade:index:Example").urn] == {"name": "n"}


def test_children_take_the_parent_and_its_provider_and_nothing_else(run_program: Any) -> None:
    def program() -> Example:
        provider = random.Provider("chosen")
        opts = pulumi.ResourceOptions(
            provider=provider, delete_before_replace=True, ignore_changes=["length"], aliases=["old"]
        )
        return Example("it", ExampleArgs("n"), opts)

    recorded = run_program(program)
    child = recorded.one("random:index/randomPet:RandomPet")
    component = recorded.one("colonnade:index:Example")
    assert child.parent == component.urn
    assert child.provider.startswith(recorded.one("pulumi:providers:random").urn)
    assert not child.delete_before_replace
    assert not child.ignore_changes
    assert component.aliases == ("old",)


def test_a_packaged_component_gets_its_arguments_as_a_dict(run_program: Any) -> None:
    plain = {
        "name": "n",
        "replicaCount": 2.0,
        "part": {"size": 3.0},
        "parts": [{"size": 4}],
        "pairs": [[{"size": 5}, 6.0]],
        "byName": {"some_key": {"size": 7.0}},
        "free": {"camelCase": 1.5},
    }
    recorded = run_program(lambda: Example("it", plain))
    assert recorded.result.given == ExampleArgs(
        name="n",
        replica_count=2,
        part=Part(3),
        parts=[Part(4)],
        pairs=[(Part(5), 6)],
        by_name={"some_key": Part(7)},
        free={"camelCase": 1.5},
    )


def test_outputs_pass_where_the_value_may_come_late(run_program: Any) -> None:
    recorded = run_program(lambda: Example("it", {"name": pulumi.Output.from_input("late")}))
    assert recorded.value(recorded.result.given.name) == "late"


def test_all_faults_are_named_at_once_at_any_depth(run_program: Any) -> None:
    def program() -> Example:
        wrong = {
            "replicas": 1,
            "replica_count": pulumi.Output.from_input(2),
            "part": {"sizes": 1},
            "parts": [{"size": 1}, "text"],
            "pairs": [[{"size": 1}]],
        }
        return Example("it", wrong)

    with pytest.raises(ArgsError) as caught:
        run_program(program)
    assert str(caught.value).split("; ") == [
        "Example.replicas: unknown argument",
        "Example.name: missing",
        "Example.replica_count: shapes the component, so it must be a plain value, not an output",
        "Example.part.sizes: unknown argument",
        "Example.part.size: missing",
        "Example.parts[1]: expected Part or a mapping, got str",
        "Example.pairs[0]: expected 2 items, got 1",
    ]


def test_other_types_are_refused() -> None:
    with pytest.raises(ArgsError, match="expected ExampleArgs or a mapping, got int"):
        coerce(ExampleArgs, 5, "Example")


def test_a_component_that_builds_nothing_says_so(run_program: Any) -> None:
    class Empty(Component[ExampleArgs]):
        args_type = ExampleArgs

    with pytest.raises(TypeError, match="Empty does not build anything"):
        run_program(lambda: Empty("it", ExampleArgs("n")))
