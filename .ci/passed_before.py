"""Leaves out of a run of the tests what passed in an earlier one, as a plugin of pytest.

A test that passed without an extra didn't look at it; with the extra installed the others are what is left to see.
Tests marked for an extra, and those of what other packages meet, run every time.
"""

from pathlib import Path

MARKED = {"torch", "peft"}
ALWAYS = ("tests/adapters/", "tests/testing/", "tests/test_imports.py")

passed: list[str] = []


def pytest_addoption(parser) -> None:
    group = parser.getgroup("passed before")
    group.addoption("--passed-to", type=Path, help="Write the tests that pass to this file.")
    group.addoption("--passed-before", type=Path, help="Leave out the tests that stand in this file.")


def pytest_runtest_logreport(report) -> None:
    if report.when == "call" and report.passed:
        passed.append(report.nodeid)


def pytest_sessionfinish(session) -> None:
    path = session.config.getoption("passed_to")
    if path is not None and not hasattr(session.config, "workerinput"):
        path.write_text("\n".join(passed), encoding="utf-8")


def pytest_collection_modifyitems(config, items) -> None:
    path = config.getoption("passed_before")
    if path is None:
        return
    before = set(path.read_text(encoding="utf-8").splitlines())

    def seen(item) -> bool:
        always = item.nodeid.startswith(ALWAYS) or any(item.get_closest_marker(name) for name in MARKED)
        return item.nodeid in before and not always

    config.hook.pytest_deselected(items=[item for item in items if seen(item)])
    items[:] = [item for item in items if not seen(item)]
