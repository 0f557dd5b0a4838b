"""The harness itself: a test that cannot fail must not pass (case 7)."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from tests.unit.conftest import asserts_in_apply

TYPE = "random:index/randomPet:RandomPet"


def pet(name: str = "it") -> Any:
    return random.RandomPet(name, length=2)


def test_case_7_a_wrong_assertion_inside_apply_fails(run_program: Any) -> None:
    def planted(length: Any) -> None:
        if length != 3:
            raise AssertionError(f"planted: {length}")

    with pytest.raises(AssertionError, match="planted: 2"):
        run_program(lambda: pet().length.apply(planted))


def test_case_7_a_planted_test_file_fails(tmp_path: Path) -> None:
    harness = Path(__file__).with_name("conftest.py").read_text()
    (tmp_path / "conftest.py").write_text(harness)
    program = "import pulumi_random\n\ndef program():\n    return pulumi_random.RandomPet('it', length=2)\n\n"
    wrong = (
        "def test_it(run_program):\n    recorded = run_program(program)\n"
        "    assert recorded.value(recorded.result.length) == {}\n"
    )
    hidden = (
        "def test_it(run_program):\n    def check(length):\n        assert length == 3\n\n"
        "    run_program(lambda: program().length.apply(check))\n"
    )
    (tmp_path / "test_right.py").write_text(program + wrong.format(2))
    (tmp_path / "test_wrong.py").write_text(program + wrong.format(3))
    (tmp_path / "test_hidden.py").write_text(program + hidden)
    (tmp_path / "test_nothing.py").write_text("def check_it() -> None:\n    assert False\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", "--tb=short"]
    ran = subprocess.run(
        [*command, "--continue-on-collection-errors"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 1, ran.stdout
    assert "PASSED test_right.py::test_it" in ran.stdout
    assert "FAILED test_wrong.py::test_it - AssertionError: assert 2 == 3" in ran.stdout
    assert "ERROR test_hidden.py" in ran.stdout
    assert "may never run" in ran.stdout
    assert "ERROR test_nothing.py" in ran.stdout
    assert "collects no test" in ran.stdout
    assert "1 failed, 1 passed, 2 errors" in ran.stdout


def test_assertions_in_apply_are_found_by_line() -> None:
    source = "def f(x):\n    if x:\n        assert x\n\n\ndef g(x):\n    assert x\n\n\nout.apply(f)\n"
    assert asserts_in_apply(source) == [3]


def test_secrets_are_seen_on_the_wire(run_program: Any) -> None:
    recorded = run_program(lambda: random.RandomPet("it", prefix=pulumi.Output.secret("hidden"), length=2))
    resource = recorded.one(TYPE)
    assert resource.inputs == {"prefix": "hidden", "length": 2}
    assert resource.secrets == {"prefix"}
    assert recorded.is_secret(recorded.result.prefix)
    assert not recorded.is_secret(recorded.result.length)


def test_options_are_seen(run_program: Any) -> None:
    def program() -> None:
        first = pet("first")
        opts = pulumi.ResourceOptions(
            protect=True,
            aliases=[pulumi.Alias(name="before")],
            depends_on=[first],
            delete_before_replace=True,
            retain_on_delete=True,
            ignore_changes=["length"],
        )
        random.RandomPet("second", length=2, opts=opts)

    recorded = run_program(program)
    second = recorded.one(TYPE, "second")
    assert second.protect
    assert second.aliases == ("before",)
    assert second.dependencies == (recorded.one(TYPE, "first").urn,)
    assert second.delete_before_replace
    assert second.retain_on_delete
    assert second.ignore_changes == ("length",)


def test_unknown_outputs_stay_unknown(run_program: Any) -> None:
    recorded = run_program(pet, preview=True, unknown=[TYPE])
    with pytest.raises(AssertionError, match="the output is unknown"):
        recorded.value(recorded.result.length)


def test_calls_are_answered_as_told(run_program: Any) -> None:
    def ask() -> Any:
        return [
            pulumi.runtime.invoke_output("a:b:greet", {"name": name, "times": 2}) for name in ("you", "me")
        ]

    recorded = run_program(
        ask, calls={"a:b:greet": lambda given: {"said": f"hello {given['name']}", **given}}
    )
    assert recorded.value(recorded.result) == [
        {"said": "hello you", "name": "you", "times": 2},
        {"said": "hello me", "name": "me", "times": 2},
    ]
    fixed = run_program(ask, calls={"a:b:greet": {"said": "nothing"}})
    assert fixed.value(fixed.result[0]) == {"said": "nothing"}
    untold = run_program(ask)
    assert untold.value(untold.result[0]) == {}


def test_a_name_given_twice_is_noticed(run_program: Any) -> None:
    with pytest.raises(Exception, match="registered twice"):
        run_program(lambda: (pet(), pet()))


def test_an_error_in_the_program_is_the_tests_error(run_program: Any) -> None:
    def program() -> None:
        raise ValueError("in the program")

    with pytest.raises(ValueError, match="in the program"):
        run_program(program)


def test_one_wants_exactly_one(run_program: Any) -> None:
    recorded = run_program(pet)
    with pytest.raises(AssertionError, match="0 of nothing"):
        recorded.one("nothing")
