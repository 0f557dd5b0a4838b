"""One measured figure."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Result:
    """A figure, the floor measured beside it, their ratio, and the goal that one of them is held to.

    `goal` bounds `ratio` where there is a floor, `value` elsewhere; None is a figure without a goal.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    goal: float | None = None

    @property
    def ratio(self) -> float | None:
        """Value over floor."""
        return None if self.floor is None else round(self.value / self.floor, 3)

    @property
    def met(self) -> bool:
        """Whether the goal is met; a figure without a goal always is."""
        judged = self.value if self.ratio is None else self.ratio
        return self.goal is None or judged <= self.goal

    def as_dict(self) -> dict[str, object]:
        """The entry of `build/benchmarks.json`."""
        return asdict(self) | {"ratio": self.ratio}
