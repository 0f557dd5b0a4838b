import pytest

# Its assertions are those of the test files that take it in.
pytest.register_assert_rewrite("tests.unit.components.foundation.contract_suite")
