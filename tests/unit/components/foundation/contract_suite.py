"""What every foundation must keep of the contract, whatever it is made of.

A foundation is one `Subject`; `test_contract_of_foundations.py` runs the suite over all of them.
"""

import base64
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest

from components.foundation.contract import Access, Consumer, ContractError, Foundation, Identity, Purpose

DOMAIN = "ml.example.com"
CONSUMERS = (
    Consumer(
        "lakefs",
        "data",
        "lakefs",
        database="lakefs",
        stores=(Purpose.LAKE,),
        prefixes={Purpose.LAKE: "versioned"},
    ),
    Consumer(
        "feast",
        "data",
        "feast",
        database="feast",
        extensions=("vector",),
        cache=True,
        stores=(Purpose.LAKE,),
    ),
    Consumer(
        "mlflow",
        "experimentation",
        "mlflow",
        database="mlflow",
        stores=(Purpose.ARTIFACTS, Purpose.MODELS),
    ),
    # Two consumers, one service account.
    Consumer("mlflow-auth", "experimentation", "mlflow", database="mlflow_auth"),
    Consumer("scratch", "experimentation", "scratch", cache=True),
    Consumer("plain", "serving", "plain"),
)
NAMES = tuple(consumer.name for consumer in CONSUMERS)
GATEWAY = "kubernetes:gateway.networking.k8s.io/v1:Gateway"
# What the harness has the random provider draw begins with it.
DRAWN = "generated-"
CLIENT_SECRET = "generated-by-the-identity-provider"


class Build(Protocol):
    """Builds a foundation of consumers, under explicit providers."""

    def __call__(
        self,
        consumers: Sequence[Consumer] = ...,
        *,
        protect: bool = ...,
        cache: bool = ...,
        single_sign_on: bool = ...,
    ) -> Foundation[Any]: ...


@dataclass(frozen=True)
class Subject:
    """A foundation as the suite judges it.

    Attributes:
        build: Builds it for `DOMAIN`.
        providers: Name of the explicit provider by package.
        stateful: Types of the resources that keep data.
        store_port: Port of the object store.
        keyless: Whether workload identity opens the stores, and no key does.
        outputs: What its providers would answer, by type.
        bound: Service accounts that some identity of the cloud is bound to, each as often as it is.
        names: Physical names of a resource, beyond those of Kubernetes objects.
        unknown: Types whose outputs are unknown while nothing exists yet.
    """

    build: Build
    providers: Mapping[str, str]
    stateful: frozenset[str]
    store_port: int
    keyless: bool
    outputs: Mapping[str, Any] = field(default_factory=dict)
    bound: Callable[[Any], list[tuple[str, str]]] = lambda _: []
    names: Callable[[Any], list[tuple[str, ...]]] = lambda _: []
    unknown: Sequence[str] = ()


class ContractSuite:
    """The tests. A subclass has a fixture `subject`, and one `foundation` of what was recorded of it."""

    @pytest.fixture
    def run(self, subject: Subject, run_program: Any) -> Any:
        """Returns the function that builds the foundation; see `Build` for its arguments."""

        def run(*given: Any, preview: bool = False, unknown: Sequence[str] = (), **changes: Any) -> Any:
            return run_program(
                lambda: subject.build(*given, **changes),
                outputs=subject.outputs,
                preview=preview,
                unknown=unknown,
            )

        return run

    @pytest.mark.parametrize("asked", CONSUMERS, ids=NAMES)
    def test_a_consumer_is_granted_what_it_asked_for_and_nothing_else(
        self, run: Any, asked: Consumer
    ) -> None:
        recorded = run()
        access: Access = recorded.result.grant(asked.name)
        assert set(access.stores) == set(asked.stores)
        assert (access.cache is not None) == asked.cache
        assert (access.database is not None) == (asked.database is not None)
        if access.database is not None:
            assert recorded.value(access.database.name) == asked.database
            assert recorded.value(access.database.user) == asked.database
        assert bool(access.ready) == bool(asked.stores or asked.database or asked.cache)

    def test_each_purpose_has_a_bucket_of_its_own(self, run: Any) -> None:
        recorded = run()
        buckets = {
            (purpose, recorded.value(store.bucket))
            for name in NAMES
            for purpose, store in recorded.result.grant(name).stores.items()
        }
        assert Counter(purpose for purpose, _ in buckets) == {
            Purpose.LAKE: 1,
            Purpose.ARTIFACTS: 1,
            Purpose.MODELS: 1,
        }
        assert len({bucket for _, bucket in buckets}) == len(buckets)

    def test_no_two_databases_open_with_one_password(self, run: Any) -> None:
        recorded = run()
        databases = [recorded.result.grant(name).database for name in NAMES]
        passwords = [recorded.value(database.password) for database in databases if database]
        assert len(passwords) == len(set(passwords)) == 4

    def test_who_was_not_declared_is_granted_nothing(self, run: Any) -> None:
        recorded = run()
        with pytest.raises(KeyError, match="stranger"):
            recorded.result.grant("stranger")

    def test_case_22_two_consumers_of_one_database_are_rejected(self, run: Any) -> None:
        twice = (*CONSUMERS, Consumer("other", "data", "other", database="lakefs"))
        with pytest.raises(ContractError, match="database 'lakefs': asked for by lakefs, other"):
            run(twice)

    def test_a_cache_that_is_switched_off_cannot_be_asked_for(self, run: Any) -> None:
        with pytest.raises(ContractError, match=r"feast.*cache"):
            run(cache=False)
        assert run([it for it in CONSUMERS if not it.cache], cache=False).result.grant("mlflow").cache is None

    def test_case_19_nothing_runs_that_nobody_asked_for(self, run: Any) -> None:
        plain = run([Consumer("plain", "serving", "plain")])
        access = plain.result.grant("plain")
        assert access.identity == Identity()
        assert (access.database, access.cache) == (None, None)
        assert not [*access.stores, *access.peers, *access.egress, *access.ready]
        whole = {r.urn for r in run().resources}
        least = {r.urn for r in run([]).resources}
        # Whoever asks for nothing adds nothing but what lets the edge into its namespace.
        added = {r.type for r in plain.resources if r.urn not in least}
        assert added <= {
            f"kubernetes:rbac.authorization.k8s.io/v1:{kind}" for kind in ("Role", "RoleBinding")
        }
        assert len(least) < len(whole)

    def test_an_identity_is_bound_to_the_service_account_of_its_consumers_alone(
        self, run: Any, subject: Subject
    ) -> None:
        recorded = run()
        wanted = {(it.namespace, it.service_account) for it in CONSUMERS if it.stores}
        bound = subject.bound(recorded)
        assert Counter(bound) == Counter(wanted if subject.keyless else ())
        for asked in CONSUMERS:
            identity = recorded.result.grant(asked.name).identity
            carried = {**identity.annotations, **identity.labels}
            assert bool(carried) == (subject.keyless and bool(asked.stores))

    def test_identities_of_two_service_accounts_are_never_one(self, run: Any, subject: Subject) -> None:
        recorded = run()
        carried = {
            asked.service_account: recorded.value(
                dict(recorded.result.grant(asked.name).identity.annotations)
            )
            for asked in CONSUMERS
            if asked.stores
        }
        distinct = {tuple(sorted(annotations.items())) for annotations in carried.values()}
        assert len(distinct) == (len(carried) if subject.keyless else 1)

    def test_case_21_keys_open_stores_only_where_no_identity_does(self, run: Any, subject: Subject) -> None:
        recorded = run()
        stores = [store for name in NAMES for store in recorded.result.grant(name).stores.values()]
        assert len(stores) == 4
        for store in stores:
            keys = (store.access_key_id, store.secret_access_key)
            assert all(key is None for key in keys) == subject.keyless
            assert any(key is None for key in keys) == subject.keyless
            assert (store.endpoint is None) == subject.keyless
            if not subject.keyless:
                assert recorded.is_secret(store.secret_access_key)

    @pytest.mark.parametrize("single_sign_on", [False, True])
    def test_case_5_passwords_are_secret_wherever_they_go(self, run: Any, single_sign_on: bool) -> None:
        recorded = run(single_sign_on=single_sign_on)
        for name in NAMES:
            access = recorded.result.grant(name)
            for part in (access.database, access.cache):
                assert part is None or recorded.is_secret(part.password)
        seen = 0
        for resource in recorded.resources:
            for path, value in leaves(resource.inputs):
                if shows_password(value):
                    seen += 1
                    assert covered(path, resource.secrets), f"{resource.urn}: {path} is in plain"
        assert seen
        for urn, outputs in recorded.registered_outputs.items():
            shown = [path for path, value in leaves(outputs) if shows_password(value)]
            assert not shown, f"{urn} shows a password in its outputs"

    def test_production_protects_all_that_keeps_data(self, run: Any, subject: Subject) -> None:
        recorded = run(protect=True)
        keeping = [r for r in recorded.resources if r.type in subject.stateful]
        assert {r.type for r in keeping} == subject.stateful
        assert {r.urn for r in recorded.resources if r.protect} == {r.urn for r in keeping}

    def test_without_protection_everything_can_be_taken_down(self, run: Any) -> None:
        recorded = run(protect=False)
        assert not [r.urn for r in recorded.resources if r.protect or r.retain_on_delete]

    @pytest.mark.parametrize("asked", CONSUMERS, ids=NAMES)
    def test_the_ways_that_a_consumer_needs_are_named_and_no_others(
        self, run: Any, subject: Subject, asked: Consumer
    ) -> None:
        recorded = run()
        access: Access = recorded.result.grant(asked.name)
        wanted = {subject.store_port} if asked.stores else set()
        wanted |= {recorded.value(part.port) for part in (access.database, access.cache) if part}
        assert {port for _, port in [*access.peers, *access.egress]} == wanted
        namespaces = {r.inputs["metadata"]["name"] for r in recorded.all("kubernetes:core/v1:Namespace")}
        assert {recorded.value(peer.namespace) for peer, _ in access.peers} <= namespaces

    def test_people_come_in_by_one_gateway_for_the_domain(self, run: Any) -> None:
        recorded = run()
        edge = recorded.result.edge
        assert edge.url("mlflow") == f"https://mlflow.{DOMAIN}"
        gateway = recorded.one(GATEWAY)
        assert gateway.inputs["metadata"]["name"] == recorded.value(edge.gateway)
        assert gateway.inputs["metadata"]["namespace"] == recorded.value(edge.namespace)
        (listener,) = gateway.inputs["spec"]["listeners"]
        assert listener["hostname"] == f"*.{DOMAIN}"
        assert listener["protocol"] == "HTTPS"
        (expression,) = listener["allowedRoutes"]["namespaces"]["selector"]["matchExpressions"]
        assert {it.namespace for it in CONSUMERS} <= set(expression["values"])
        assert recorded.value(edge.peer.namespace) == recorded.value(edge.namespace)
        assert gateway.urn in {recorded.value(resource.urn) for resource in edge.ready}

    def test_people_sign_in_where_there_is_an_identity_provider(self, run: Any) -> None:
        assert run().result.edge.single_sign_on is None
        recorded = run(single_sign_on=True)
        edge = recorded.result.edge
        (found,) = [
            r
            for r in recorded.all("kubernetes:core/v1:Service")
            if r.inputs["metadata"]["name"] == recorded.value(edge.single_sign_on.service)
        ]
        assert found.inputs["metadata"]["namespace"] == recorded.value(edge.namespace)
        assert edge.single_sign_on.port in [port["port"] for port in found.inputs["spec"]["ports"]]
        listeners = {it["name"]: it for it in recorded.one(GATEWAY).inputs["spec"]["listeners"]}
        assert listeners[edge.single_sign_on.listener]["port"] not in published(recorded)

    def test_no_service_is_published_around_the_edge(self, run: Any) -> None:
        recorded = run()
        open_ = [
            r
            for r in recorded.all("kubernetes:core/v1:Service")
            if r.inputs["spec"].get("type") in ("LoadBalancer", "NodePort")
            or r.inputs["spec"].get("externalIPs")
        ]
        edge = recorded.value(recorded.result.edge.namespace)
        assert [r.inputs["metadata"]["namespace"] for r in open_] == [edge]
        assert not recorded.all("kubernetes:networking.k8s.io/v1:Ingress")

    def test_every_resource_belongs_to_the_foundation(self, run: Any) -> None:
        recorded = run()
        urns = {r.urn for r in recorded.resources}
        top = [
            r
            for r in recorded.resources
            if r.parent not in urns and not r.type.startswith("pulumi:providers:")
        ]
        assert [r.type for r in top] == [f"colonnade:index:{type(recorded.result).__name__}"]

    def test_every_resource_goes_through_an_explicit_provider(self, run: Any, subject: Subject) -> None:
        recorded = run()
        custom = [r for r in recorded.resources if r.custom and not r.type.startswith("pulumi:providers:")]
        assert {r.type.partition(":")[0] for r in custom} == set(subject.providers)
        for resource in custom:
            package = resource.type.partition(":")[0]
            wanted = recorded.one(f"pulumi:providers:{package}", subject.providers[package])
            assert resource.provider.rpartition("::")[0] == wanted.urn, resource.urn

    def test_no_two_resources_have_one_physical_name(self, run: Any, subject: Subject) -> None:
        recorded = run()
        found = Counter(
            name
            for resource in recorded.resources
            for name in [*object_names(resource), *subject.names(resource)]
        )
        assert len(found) > 20
        assert not [name for name, count in found.items() if count > 1]

    def test_case_1_a_preview_shows_all_that_will_be_though_nothing_is_known(
        self, run: Any, subject: Subject
    ) -> None:
        known = {r.urn for r in run().resources}
        assert {r.urn for r in run(preview=True, unknown=subject.unknown).resources} == known


def published(recorded: Any) -> set[int]:
    """Returns the ports of pods to which Services lead from outside the cluster."""
    return {
        port["targetPort"]
        for r in recorded.all("kubernetes:core/v1:Service")
        if r.inputs["spec"].get("type") in ("LoadBalancer", "NodePort") or r.inputs["spec"].get("externalIPs")
        for port in r.inputs["spec"]["ports"]
    }


def object_names(resource: Any) -> Iterator[tuple[str, ...]]:
    """Returns the name of a Kubernetes object, which is unique by kind and namespace."""
    metadata = resource.inputs.get("metadata")
    if resource.type.startswith("kubernetes:") and isinstance(metadata, dict):
        yield resource.type, metadata.get("namespace", ""), metadata["name"]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Returns the plain values of a structure with their dotted paths, as `Resource.secrets` writes them."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def covered(path: str, secrets: Sequence[str]) -> bool:
    """Tells whether the path is one of the secrets or inside one."""
    return any(path == secret or path.startswith((f"{secret}.", f"{secret}[")) for secret in secrets)


def shows_password(value: Any) -> bool:
    """Tells whether a value holds a drawn password, in plain or as Secrets encode it."""
    text = str(value)
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:
        decoded = b""
    return DRAWN in text or DRAWN.encode() in decoded
