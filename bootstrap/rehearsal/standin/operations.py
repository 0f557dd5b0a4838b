"""What the cloud does: it makes, changes and deletes resources, or refuses with every reason at once."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bootstrap.rehearsal.standin import check, diff
from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.model import UNKNOWN, Refusal, RefusedError, Resource, Rule, merge, select
from bootstrap.rehearsal.standin.sdk import Sdk, closest
from bootstrap.rehearsal.standin.table import TableError, TypeTable
from bootstrap.rehearsal.standin.templates import Context, draws, render

Inputs = dict[str, Any]
Outputs = dict[str, Any]


class Operations:
    """The operations of one cloud on one account."""

    def __init__(self, account: Store) -> None:
        self.account, self.cloud = account, account.cloud
        self.sdk = Sdk(account.cloud.sdk)

    def table(self, token: str) -> TypeTable:
        """Returns the table of a type.

        Raises:
            UnknownTypeError: The SDK does not have the type.
            TableError: The rehearsal has no table for it.
        """
        self.sdk.type(token)
        if token not in self.cloud.types:
            near = closest(token, list(self.cloud.types))
            raise TableError(f"the rehearsal has no table for {token}, so it cannot say what it does{near}")
        return self.cloud.types[token]

    def check(self, token: str, inputs: Inputs) -> list[Refusal]:
        """Returns every fault that shows without the account."""
        self.table(token)
        ours = self.cloud.tagging.all if self.cloud.tagging else None
        given = {name: value for name, value in inputs.items() if name != ours}
        return check.faults(self.cloud, self.sdk, token, given)

    def preview(self, token: str, inputs: Inputs, configuration: Mapping[str, Any]) -> Outputs:
        """Returns the outputs that are known before a resource exists; all computed ones are UNKNOWN."""
        table = self.table(token)
        computed = dict.fromkeys(self.sdk.type(token).outputs, UNKNOWN) | _veiled(table.outputs)
        return self._outputs(token, self.tagged(token, inputs, configuration), computed, configuration)

    def create(self, token: str, inputs: Inputs, configuration: Mapping[str, Any]) -> Resource:
        """Makes a resource.

        Raises:
            RefusedError: The cloud does not take it.
        """
        table = self.table(token)
        _refuse(self.check(token, inputs))
        inputs = self.tagged(token, inputs, configuration)
        with self.account.transaction():
            id = str(render(table.id, self._context(table, inputs, configuration)))
            if self.account.get(token, id):
                place = table.unique[0][0] if table.unique else "id"
                reason = f"{token} {id} exists already: {inputs.get(place, id)}"
                _refuse([Refusal(place, reason, table.source, self.cloud.codes.duplicate)])
            computed = render(table.outputs, self._context(table, inputs, configuration, id))
            resource = Resource(token, id, inputs, self._outputs(token, inputs, computed, configuration))
            resource = self._settle(resource, computed, configuration, self.cloud.creating)
            # Within, so that what an observer refuses has not happened.
            for observer in self.cloud.observers:
                observer.created(resource, self.account)
        return resource

    def tagged(self, token: str, inputs: Inputs, configuration: Mapping[str, Any]) -> Inputs:
        """Returns the inputs with the tags that come from the provider, where the type can carry tags."""
        tagging = self.cloud.tagging
        if tagging is None or tagging.all not in self.sdk.type(token).outputs:
            return inputs
        given = inputs.get(tagging.given) or {}
        common: Mapping[str, Any] = next((v for _, v in select(configuration, tagging.configuration)), {})
        veiled = check.unknown(given) or check.unknown(common)
        return inputs | {tagging.all: UNKNOWN if veiled else {**common, **given}}

    def compare(self, token: str, old: Inputs, new: Inputs, ignored: Sequence[str]) -> diff.Difference:
        """Returns what has to change.

        Raises:
            UnknownBehaviourError: The table does not say what a change does.
        """
        table, tagging = self.table(token), self.cloud.tagging
        if tagging:
            table = table.model_copy(update={"update": table.update | {tagging.all: ""}})
        return diff.compare(token, table, old, new, ignored)

    def update(
        self, token: str, id: str, old: Inputs, new: Inputs, configuration: Mapping[str, Any], preview: bool
    ) -> Resource:
        """Changes what differs between the inputs and leaves the rest as the account has it.

        Args:
            token: The type.
            id: The resource.
            old: The inputs that the program gave before.
            new: Those that it gives now.
            configuration: That of the provider.
            preview: Whether only to say what is known of the outputs; then inputs may be UNKNOWN.

        Raises:
            RefusedError: The resource is gone, or the cloud does not take the change.
        """
        table, new = self.table(token), self.tagged(token, new, configuration)
        with self.account.transaction():
            before = self.account.get(token, id)
            if before is None:
                reason = f"{token} {id} does not exist"
                raise RefusedError([Refusal("id", reason, table.source, self.cloud.codes.missing)])
            changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
            inputs = {name: value for name, value in before.inputs.items() if name not in changed}
            inputs |= {name: value for name, value in new.items() if name in changed}
            context = self._context(table, inputs, configuration, id)
            fresh = {
                name: UNKNOWN if preview and name in table.renews else render(template, context)
                for name, template in table.outputs.items()
                if name in table.renews or not draws(template)
            }
            kept = merge(self.account.computed(before), fresh)
            resource = Resource(token, id, inputs, self._outputs(token, inputs, kept, configuration))
            if preview:
                return resource
            resource = self._settle(resource, kept, configuration, self.cloud.updating)
            for observer in self.cloud.observers:
                observer.updated(resource, self.account)
        return resource

    def delete(self, token: str, id: str) -> None:
        """Deletes a resource; one that is gone already is fine.

        Raises:
            RefusedError: It is protected, something still needs it, or a rule keeps it.
        """
        table, codes = self.table(token), self.cloud.codes
        with self.account.transaction():
            resource = self.account.get(token, id)
            if resource is None:
                return
            refusals = self._ruled(self.cloud.deleting, resource)
            if table.protect and any(
                value is True for _, value in select(resource.outputs, table.protect.property)
            ):
                reason = f"protects {id} from being deleted; {table.protect.fix}"
                refusals.append(Refusal(table.protect.property, reason, table.source, codes.protected))
            refusals += [
                Refusal(
                    "id",
                    f"{id} is in use by {other.type} {other.id} ({path})",
                    table.source,
                    codes.dependents,
                )
                for other, path in self.account.referrers(resource)
            ]
            _refuse(refusals)
            self.account.remove(resource)
            for observer in self.cloud.observers:
                observer.deleted(resource, self.account)

    def _context(
        self, table: TypeTable, inputs: Inputs, configuration: Mapping[str, Any], id: str | None = None
    ) -> Context:
        words = {
            "account": self.account.id,
            "region": str(inputs.get("region") or configuration.get("region") or self.account.region),
            "partition": self.cloud.partition,
        }
        return Context(words if id is None else words | {"id": id}, merge(table.defaults, inputs))

    def _settle(
        self,
        resource: Resource,
        computed: Outputs,
        configuration: Mapping[str, Any],
        rules: Mapping[str, Sequence[Rule]],
    ) -> Resource:
        """Puts the resource into the account, with what is computed from others, unless it is refused."""
        _refuse(self.check(resource.type, resource.inputs))
        _refuse([*self._dangling(resource), *self._shared(resource)])
        # Rules and computations rely on what the resource names.
        _refuse(self._ruled(rules, resource))
        if resource.type in self.cloud.computing:
            computed = merge(computed, self.cloud.computing[resource.type](resource, self.account))
            outputs = self._outputs(resource.type, resource.inputs, computed, configuration)
            resource = replace(resource, outputs=outputs)
        self.account.add(resource, computed)
        return resource

    def _outputs(
        self, token: str, inputs: Inputs, computed: Outputs, configuration: Mapping[str, Any]
    ) -> Outputs:
        outputs = merge(merge(computed, self.table(token).defaults), inputs)
        if "region" in self.sdk.type(token).outputs and "region" not in inputs:
            outputs["region"] = configuration.get("region") or self.account.region
        return dict(outputs)

    def _dangling(self, resource: Resource) -> Iterator[Refusal]:
        """Yields the references that name nothing."""
        table = self.cloud.types[resource.type]
        for wanted, targets in table.refers.items():
            for path, value in select(resource.inputs, wanted):
                if not any(self._names(target, value) for target in targets):
                    reason = f"{value!r} names no {' or '.join(targets)} that exists"
                    yield Refusal(path, reason, table.source, self.cloud.codes.missing)

    def _names(self, target: str, value: Any) -> bool:
        if target.startswith("/"):
            return re.fullmatch(target.strip("/"), str(value)) is not None
        return bool(self.account.names(target, value))

    def _shared(self, resource: Resource) -> Iterator[Refusal]:
        """Yields the groups of properties that another resource has already."""
        table = self.cloud.types[resource.type]
        for group in table.unique:
            mine = [[*select(resource.outputs, name)] for name in group]
            if not all(mine):
                continue
            for other in self.account.all(resource.type):
                apart = not table.everywhere and other.outputs.get("region") != resource.outputs.get("region")
                if other.id == resource.id or apart or mine != [[*select(other.outputs, n)] for n in group]:
                    continue
                values = ", ".join(str(value) for found in mine for _, value in found)
                reason = f"{values} is taken by {other.id}"
                yield Refusal(group[0], reason, table.source, self.cloud.codes.duplicate)

    def _ruled(self, rules: Mapping[str, Sequence[Rule]], resource: Resource) -> list[Refusal]:
        return [found for rule in rules.get(resource.type, ()) for found in rule(resource, self.account)]


def _refuse(refusals: list[Refusal]) -> None:
    if refusals:
        raise RefusedError(refusals)


def _veiled(template: Any) -> Any:
    """Returns the template with everything in it UNKNOWN, mappings kept: inputs may lie beside."""
    if isinstance(template, Mapping):
        return {name: _veiled(entry) for name, entry in template.items()}
    return UNKNOWN
