"""One platform for all end-to-end tests."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.platform import Platform, running_platform


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """The platform that the whole run shares."""
    with running_platform() as platform:
        yield platform
