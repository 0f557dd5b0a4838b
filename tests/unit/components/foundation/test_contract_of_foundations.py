"""Every foundation keeps the contract; a further one is a further row of `subjects.SUBJECTS`."""

from typing import Any

import pytest

from tests.unit.components.foundation.contract_suite import ContractSuite, Subject
from tests.unit.components.foundation.subjects import SUBJECTS


class TestContract(ContractSuite):
    """The suite, for each of them."""

    @pytest.fixture(params=SUBJECTS.values(), ids=SUBJECTS)
    def subject(self, request: Any) -> Subject:
        found: Subject = request.param
        return found
