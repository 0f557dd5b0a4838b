"""One platform for all end-to-end tests."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.platform import Platform, running_platform
from tests.unit.conftest import pytest_make_collect_report

# A file that collects nothing fails here, too.
__all__ = ["pytest_make_collect_report"]


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """The platform that the whole run shares."""
    with running_platform() as platform:
        yield platform
