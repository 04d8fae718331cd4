"""Rules of the house that a linter doesn't know, each with its enforcer."""

import ast
import io
import re
import shutil
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from theodolite.catalogue import FAMILIES, family, measures

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "theodolite"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PYTHON = sorted(
    path
    for folder in ("src", "tests", "benchmarks", "studies", "docs")
    for path in (ROOT / folder).rglob("*.py")
    if not any(part.startswith((".", "_build")) or part == "gallery" for part in path.relative_to(ROOT).parts)
)
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
MOST_PARAMETERS = 6
Function = ast.FunctionDef | ast.AsyncFunctionDef


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


sources = pytest.mark.parametrize("path", SOURCES, ids=named)
everything = pytest.mark.parametrize("path", PYTHON, ids=named)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(parsed: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(parsed) if isinstance(node, Function))


def code_lines(text: str, function: Function) -> int:
    """Lines that hold code: no blank line, no comment, no docstring."""
    body = text.splitlines()[function.lineno - 1 : function.end_lineno]
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        del body[first.lineno - function.lineno : first.end_lineno - function.lineno + 1]
    return sum(1 for line in body if line.strip() and not line.strip().startswith("#"))


def parameters(function: Function) -> list[str]:
    given = function.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return [name for name in names if name not in {"self", "cls"}]


@sources
def test_files_are_short(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@sources
def test_functions_are_short_and_take_few_parameters(path: Path):
    text = path.read_text(encoding="utf-8")
    for function in functions(tree(path)):
        assert code_lines(text, function) <= LONGEST_FUNCTION, f"line {function.lineno}: {function.name}"
        assert len(parameters(function)) <= MOST_PARAMETERS, f"line {function.lineno}: {function.name}"


@everything
def test_files_are_named_by_what_is_in_them(path: Path):
    assert not re.search(r"util|helper|misc|common|stuff|manager", path.stem), "name the file by its subject"


@sources
def test_nothing_is_called_a_manager(path: Path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            assert not re.search(r"Manager|Helper|Util", node.name), f"line {node.lineno}: {node.name}"


@sources
def test_only_the_command_line_prints(path: Path):
    if path.is_relative_to(PACKAGE / "cli"):
        return
    for node in ast.walk(tree(path)):
        called = node.func if isinstance(node, ast.Call) else None
        assert not (isinstance(called, ast.Name) and called.id in {"print", "input"}), f"line {node.lineno}"


@sources
def test_no_logging_is_set_up(path: Path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"basicConfig", "addHandler"}, f"line {node.lineno}"


@sources
def test_only_a_running_survey_catches_everything(path: Path):
    if path == PACKAGE / "surveys" / "asking.py":
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {ast.unparse(kind) if kind is not None else "everything" for kind in caught}
            # Clearing up whatever happens is no catching: the error goes on.
            passed_on = ast.unparse(node.body[-1]) == "raise"
            wide = names & {"everything", "Exception"} | (set() if passed_on else names & {"BaseException"})
            assert not wide, f"line {node.lineno}"


def imported(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.Import):
        return {alias.name.partition(".")[0] for alias in statement.names}
    if isinstance(statement, ast.ImportFrom) and statement.level == 0:
        return {(statement.module or "").partition(".")[0]}
    return set()


def at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported: functions are not entered, nor what only type checkers read."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING"):
            yield from at_import(statement.orelse)
        elif not isinstance(statement, Function):
            for part in ("body", "orelse", "finalbody"):
                yield from at_import(getattr(statement, part, []))
            for handler in getattr(statement, "handlers", []):
                yield from at_import(handler.body)


@sources
def test_torch_is_imported_inside_functions_only(path: Path):
    if path.is_relative_to(PACKAGE / "adapters"):
        return
    for statement in at_import(tree(path).body):
        assert "torch" not in imported(statement), f"line {statement.lineno}"


@sources
def test_the_suite_needs_no_pytest(path: Path):
    for node in ast.walk(tree(path)):
        assert not (isinstance(node, ast.stmt) and imported(node) & {"pytest", "hypothesis"}), f"line {node.lineno}"


@everything
def test_comments_say_why_and_promise_nothing(path: Path):
    words = re.compile(r"\b(todo|fixme|xxx|hack|for now|placeholder|stub|work in progress|used to be)\b", re.IGNORECASE)
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.COMMENT and path != Path(__file__).resolve():
            assert not words.search(token.string), f"line {token.start[0]}: {token.string}"


@everything
def test_no_registry_host_and_no_absolute_path_of_a_machine(path: Path):
    hosts = "|".join(re.escape(name) for name in ("files.pythonhosted" + ".org", "pypi" + ".org/simple"))
    paths = "|".join(f"/{top}/" for top in ("work", "home", "root", "Users", "mnt"))
    found = re.search(rf"({hosts})|(?<![\w.~/:])({paths})\w", path.read_text(encoding="utf-8"))
    assert found is None, f"{found[0]!r}"


def private_files() -> list[Path]:
    return [path for name in FAMILIES for path in sorted((PACKAGE / name).glob("_[a-z]*.py"))]


@pytest.mark.parametrize("path", private_files(), ids=named)
def test_a_private_file_gives_one_measure(path: Path):
    package = ast.parse((path.parent / "__init__.py").read_text(encoding="utf-8"))
    module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    public = {
        alias.name
        for node in package.body
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
    }
    if not public:
        return
    # A measure with several numbers brings the class of its result, which bears its name.
    assert path.stem.removeprefix("_") in public
    classes = {name for name in public if name[0].isupper() and name.lower() == path.stem.replace("_", "")}
    assert public - classes == {path.stem.removeprefix("_")}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_exports_measures_and_their_results_only(name: str):
    package = ast.parse((PACKAGE / name / "__init__.py").read_text(encoding="utf-8"))
    docstring, *rest = package.body
    assert isinstance(docstring, ast.Expr)
    for node in rest:
        assert isinstance(node, ast.ImportFrom)
        assert [(alias.name, alias.name) for alias in node.names] == [
            (alias.name, alias.asname) for alias in node.names
        ]


@pytest.mark.parametrize("name", sorted(measures()))
def test_every_measure_has_a_test_file_of_its_own(name: str):
    path = ROOT / "tests" / family(measures()[name]) / f"test_{name}.py"
    assert path.is_file(), f"write {named(path)}"
    assert any(function.name.startswith("test_") for function in functions(tree(path)))


@pytest.mark.parametrize("name", sorted(measures()))
def test_measures_are_nouns(name: str):
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
    assert not name.startswith(("get_", "compute_", "calculate_", "estimate_", "measure_"))


def test_imports_point_one_way():
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which("lint-imports")
    if command is None:
        pytest.skip("needs import-linter")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_counters_count():
    text = (
        'def f(self, a, /, b, *, c=1):\n    """One.\n\n    Two.\n    """\n    # why\n\n    return (\n        a\n    )\n'
    )
    (function,) = functions(ast.parse(text))
    assert code_lines(text, function) == 4
    assert parameters(function) == ["a", "b", "c"]
    lazy = "if TYPE_CHECKING:\n    import torch\ntry:\n    import x\nexcept ImportError:\n    import torch\n"
    lazy += "def f():\n    import torch\n"
    found = [name for statement in at_import(ast.parse(lazy).body) for name in imported(statement)]
    assert found == ["x", "torch"]
