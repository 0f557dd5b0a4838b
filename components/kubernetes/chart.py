"""An operator from its official chart, with what policies need to see of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pulumi
from pulumi_kubernetes import helm

from components import catalog
from components.base import ArgsError, Component
from components.kubernetes import chart_archive

SOURCES: Final = ("upstream", "mirror", "directory")


@dataclass(frozen=True)
class ChartArgs:
    """Arguments of `Chart`. The version is the catalog's: a chart cannot be installed unpinned.

    Attributes:
        part: Name of the part in the catalog; the part has a chart.
        namespace: Namespace, which exists already.
        values: Values of the chart.
        source: `upstream` as the catalog names it, `mirror` or `directory`.
        location: Registry and path of the mirror, or path of the directory, which holds
            `<chart>-<version>.tgz`.
        skip_crds: Whether to leave out the chart's `crds/` folder.
    """

    part: str
    namespace: pulumi.Input[str]
    values: Mapping[str, Any] = field(default_factory=dict)
    source: str = "upstream"
    location: str | None = None
    skip_crds: bool = False


@dataclass(frozen=True)
class Reference:
    """Where Helm finds a chart: its argument and the repository, None where the argument says it all."""

    chart: str
    repository: str | None


class Chart(Component[ChartArgs]):
    """A chart whose objects are children of their own, so that policies see each.

    Guarantees: the exact version of the catalog; chart, repository, version and source are registered as
    inputs. An archive from a directory is what the catalog pins, and has no Helm hook that the catalog does
    not replace: hooks never run here, so one that nobody replaced would be lost silently. Where a value is
    secret, so is all that its objects hold, in state and previews.

    Attributes:
        installed: The chart itself; what depends on it waits for all of its objects.

    Raises:
        ArgsError: The part has no chart, or the source does not fit.
        ChartError: The archive is missing, is another version, or holds a hook that nothing replaces.
    """

    args_type = ChartArgs

    installed: helm.v4.Chart

    def inputs(self, args: ChartArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.inputs`."""
        chart = entry(args.part)
        located = locate(chart, args.source, args.location)
        return {
            "part": args.part,
            "chart": chart.name,
            "repository": located.repository or located.chart.rpartition("/")[0],
            "version": chart.version,
            "digest": chart.digest,
            "source": args.source,
        }

    def build(self, args: ChartArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        chart = entry(args.part)
        located = locate(chart, args.source, args.location)
        if args.source == "directory":
            chart_archive.check(Path(located.chart), chart)
        self.installed = helm.v4.Chart(
            self.name,
            chart=located.chart,
            version=chart.version,
            name=self.name,
            namespace=args.namespace,
            values=dict(args.values),
            skip_crds=args.skip_crds,
            repository_opts=helm.v4.RepositoryOptsArgs(repo=located.repository)
            if located.repository
            else None,
            opts=pulumi.ResourceOptions.merge(
                self.child(), pulumi.ResourceOptions(transforms=[hide(args.values)])
            ),
        )
        return {"version": chart.version}


def hide(values: Mapping[str, Any]) -> pulumi.ResourceTransform:
    """Returns a transform that makes what a chart's objects hold secret, where one of the values is.

    A template may write a value anywhere and encode it in any way, and the engine does not know the result
    for a secret. So all of an object is hidden but its kind and its name.
    """
    given = pulumi.Output.from_input(dict(values))

    async def transform(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        if not args.custom or not await given.is_secret():
            return None
        return pulumi.ResourceTransformResult({**_hidden(args.props), **_named(args.props)}, args.opts)

    return transform


def _named(props: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what an object is and how it is called, its further metadata hidden."""
    metadata = props.get("metadata") or {}
    named = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
    kept = {key: props[key] for key in ("apiVersion", "kind") if key in props}
    return {**kept, "metadata": {**_hidden(metadata), **named}}


def _hidden(props: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the same, each value secret."""
    return {key: pulumi.Output.secret(value) for key, value in props.items()}


def entry(part: str) -> catalog.Chart:
    """Returns the catalog's chart of a part."""
    chart = catalog.part(part).chart
    if chart is None:
        raise ArgsError(f"Chart: the catalog names no chart for {part}")
    return chart


def locate(chart: catalog.Chart, source: str, location: str | None) -> Reference:
    """Returns where Helm finds the chart, for the source that a stack chose."""
    if source not in SOURCES:
        raise ArgsError(f"Chart: source {source!r} is unknown; give one of {', '.join(SOURCES)}")
    if source == "upstream":
        if chart.repository.startswith("oci://"):
            return Reference(f"{chart.repository}/{chart.name}", None)
        return Reference(chart.name, chart.repository)
    if location is None:
        raise ArgsError(f"Chart: source {source!r} needs a location")
    if source == "mirror":
        return Reference(f"oci://{location.removeprefix('oci://').rstrip('/')}/{chart.name}", None)
    return Reference(str(Path(location) / f"{chart.name}-{chart.version}.tgz"), None)
