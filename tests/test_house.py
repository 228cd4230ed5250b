"""The rules of the house, read from the source: floors, homes of libraries, doors, drawings, README."""

import ast
import builtins
import doctest
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import moderation.errors

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "moderation"
README = ROOT / "README.md"

# Imports go down only. Those in one row do not know each other; a package (readers, desk ...) is one of them.
FLOORS = (
    {"errors", "labels", "locking"},
    {"tables"},
    {"agreement", "readers", "writers", "features", "policy", "evaluation", "store"},
    {"write_back", "access", "audit"},
    {"backtest", "campaigns", "classifier", "encoder", "triage"},
    {"tiers"},
    {"learning", "recipe", "appeal", "lookalikes"},
    {"registry"},
    {"jobs", "report"},
    {"networks"},
    {"rounding"},
    {"finetuning"},
    {"settings"},  # what the doors share: it reads the environment
    {"cli", "desk", "server"},
)
DOORS = FLOORS[-1]
# Doors do not know each other; but a command opens the desk, by one word.
OPENS = {("moderation.cli", "moderation.desk", "serve")}

# A library has one home: replacing it is one module's work.
HOMES = {
    "ahocorasick_rs": {"policy"},
    "charset_normalizer": {"readers"},
    "dateutil": {"readers"},
    "fastapi": {"server"},
    "html.parser": {"readers"},
    "itsdangerous": {"desk"},
    "joblib": {"jobs"},
    "lxml": {"readers"},
    "matplotlib": {"report"},
    "numba": {"features", "readers"},  # there, for large JSON and XML only
    "openpyxl": {"readers"},
    "onnxruntime": {"encoder"},
    "orjson": {"readers"},
    "platformdirs": {"settings"},
    "profanity_check": {"report"},
    "psycopg": {"store"},
    "py3langid": {"features"},
    "rich": {"cli"},
    "sklearn": {"classifier", "report"},  # there it is one of the peers
    "sklearn.metrics": {"evaluation"},
    "sqlalchemy": {"store"},
    "sqlite3": {"readers", "store"},
    "starlette": {"desk", "server"},
    "streamlit": {"desk"},
    "tomlkit": {"policy"},
    "tomllib": {"desk", "policy"},
    "typer": {"cli"},
    "uvicorn": {"cli", "desk", "server"},
    "xml": {"readers"},
    "zstandard": {"readers"},
}
# Nothing is fetched at run time: only doors speak to the network, and only as servers.
NETWORK = {"aiohttp", "ftplib", "http.client", "httpx", "requests", "smtplib", "socket", "urllib.request", "urllib3"}
# Loading a model executes no code.
PICKLES = {"cloudpickle", "dill", "marshal", "pickle", "shelve"}


@dataclass(frozen=True)
class Module:
    """One file of the package: its dotted name, the room (first part) it is in, and its syntax tree."""

    name: str
    room: str
    tree: ast.Module

    @property
    def nodes(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree)


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        dotted = ".".join(["moderation", *(part for part in parts if part != "__init__")])
        found.append(Module(dotted, parts[0], ast.parse(path.read_text(encoding="utf-8"), str(path))))
    return tuple(found)


NAMES = [module.name for module in modules()]


def imported(module: Module) -> Iterator[tuple[str, str | None]]:
    """Yield what a module imports, wherever it does: (module, name) for each name, (module, None) for a whole one."""
    package = module.name if module.name in PACKAGES else module.name.rpartition(".")[0]
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                source = ".".join(
                    [*package.split(".")[: len(package.split(".")) - node.level + 1], *filter(None, [source])]
                )
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                yield (whole, None) if whole in NAMES else (source, alias.name)


PACKAGES = {".".join(path.relative_to(ROOT).parent.parts) for path in PACKAGE.rglob("__init__.py")}


def floor_of(room: str) -> int:
    return next((floor for floor, rooms in enumerate(FLOORS) if room in rooms), -1)


def under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def attributes(module: Module) -> set[str]:
    """Return "name.attribute" for all that is written so."""
    return {
        f"{node.value.id}.{node.attr}"
        for node in module.nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    } | {f"{source}.{name}" for source, name in imported(module)}


# Floors.


def test_every_module_stands_on_a_floor() -> None:
    homeless = [module.name for module in modules() if floor_of(module.room) < 0 and module.name != "moderation"]
    assert homeless == [], "write it into FLOORS here, and into the table of floors"


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_imports_go_down(module: Module) -> None:
    if module.name == "moderation":
        pytest.skip("the public door shows what lies behind it, and nothing behind it is drawn from it")
    for source, name in imported(module):
        if not source.startswith("moderation.") or (module.name, source, name) in OPENS:
            continue
        room = source.split(".")[1]
        if room != module.room:
            assert floor_of(room) < floor_of(module.room), f"{module.name} imports {source}"


def test_only_doors_look_through_the_public_door() -> None:
    # "import moderation" below the doors would reach upwards by another way
    for module in modules():
        if module.room not in DOORS and module.name != "moderation":
            taken = {name for source, name in imported(module) if source == "moderation" and name}
            taken |= {
                node.attr
                for node in module.nodes
                if isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "moderation"
            }
            assert taken <= {"__version__"}, module.name


def test_the_floors_hold_nothing_back() -> None:
    """See that the tests above would find what they look for."""
    wrong = Module("moderation.policy.x", "policy", ast.parse("def f():\n from moderation.store import Store"))
    assert list(imported(wrong)) == [("moderation.store", "Store")]
    sideways = Module("moderation.policy.x", "policy", ast.parse("from ..evaluation import a\nfrom . import b"))
    assert list(imported(sideways)) == [("moderation.evaluation", "a"), ("moderation.policy", "b")]
    whole = Module("moderation.cli", "cli", ast.parse("from moderation import errors, y"))
    assert list(imported(whole)) == [("moderation.errors", None), ("moderation", "y")]


# Homes.


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    deeper = [other for other in HOMES if other != library and under(other, library)]
    guests = {
        module.room
        for module in modules()
        for source, name in imported(module)
        for whole in [f"{source}.{name}" if name else source]
        if under(whole, library) and not any(under(whole, other) for other in deeper)
    }
    assert guests <= HOMES[library], f"{library} belongs to {', '.join(sorted(HOMES[library]))}"


def test_the_desk_entry_hands_over() -> None:
    tree = ast.parse((ROOT / "app.py").read_text(encoding="utf-8"))
    sources = {source for source, _ in imported(Module("app", "app", tree))}
    assert all(under(source, "moderation.desk") or under(source, "streamlit") for source in sources), sources


def test_nothing_below_the_doors_speaks_to_the_network() -> None:
    for module in modules():
        if module.room not in DOORS:
            for source, name in imported(module):
                assert not any(under(f"{source}.{name}", library) for library in NETWORK), f"{module.name}: {source}"


def test_nothing_is_unpickled() -> None:
    for module in modules():
        for source, name in imported(module):
            assert not any(under(f"{source}.{name}", library) for library in PICKLES), f"{module.name}: {source}"
            assert (source, name) not in {("joblib", "load"), ("joblib", "dump"), ("pandas", "read_pickle")}, (
                module.name
            )
        for node in module.nodes:
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant), module.name
                assert node.value.value is False, module.name


def test_only_doors_read_the_environment() -> None:
    for module in modules():
        if module.room not in DOORS | {"settings"}:
            read = attributes(module) & {"os.environ", "os.getenv", "os.environb", "os.putenv"}
            assert not read, module.name


def test_only_doors_look_at_the_clock() -> None:
    clocks = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "Timestamp.now"}
    for module in modules():
        if module.room not in DOORS and module.name != "moderation":
            assert not attributes(module) & clocks, f"{module.name}: time is an argument"


def test_only_doors_print() -> None:
    for module in modules():
        if module.room not in DOORS:
            calls = {
                node.func.id for node in module.nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            }
            assert not calls & {"print", "input", "exit", "quit", "breakpoint"}, module.name


# Names and words.


def test_files_are_named_after_what_they_know() -> None:
    empty = {"manager", "handler", "helper", "helpers", "util", "utils", "core", "base", "common", "misc", "lib"}
    for path in [*PACKAGE.rglob("*"), *(ROOT / "tests").rglob("*"), *ROOT.glob("*.py")]:
        assert not empty & set(re.split(r"[_\W]+", path.stem.lower())), path


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_every_module_says_what_it_is(module: Module) -> None:
    words = ast.get_docstring(module.tree)
    assert words
    first = words.split("\n\n")[0]
    assert first.replace("\n", " ").rstrip().endswith((".", ":")), "the docstring begins with a sentence"


def door_of(module: Module) -> list[str] | None:
    for node in module.tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            names = ast.literal_eval(node.value)
            return list(names)
    return None


def bound_names(module: Module) -> set[str]:
    """Return the names that a module binds at its top level."""
    names: set[str] = set()
    for node in module.tree.body:
        for inner in ast.walk(node) if isinstance(node, ast.If | ast.Try) else [node]:
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(inner.name)
            elif isinstance(inner, ast.Import | ast.ImportFrom):
                names |= {(alias.asname or alias.name).split(".")[0] for alias in inner.names}
            elif isinstance(inner, ast.Assign | ast.AnnAssign):
                targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
                names |= {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    return names


def place(name: str) -> tuple[int, str]:
    """Sort constants first, then classes, then the rest: the order that ruff keeps (RUF022)."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2), name


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_every_door_is_sorted_and_true(module: Module) -> None:
    door = door_of(module)
    if door is None:
        page = any(source == "streamlit" for source, _ in imported(module))
        assert page, "it has no __all__; only a page that Streamlit runs needs none"
        return
    assert door == sorted(door, key=place)
    assert len(set(door)) == len(door)
    absent = set(door) - bound_names(module)
    if absent:  # a module may find names when asked for them
        found = importlib.import_module(module.name)
        absent = {name for name in absent if not hasattr(found, name)}
    assert not absent


def test_what_others_use_stands_in_the_door() -> None:
    doors = {module.name: door_of(module) for module in modules()}
    for module in modules():
        for source, name in imported(module):
            if name is not None and source in doors and name != "*":
                assert name in (doors[source] or ()), f"{module.name} takes {name} from {source}, past its door"


def test_no_star_is_imported() -> None:
    for module in modules():
        assert all(name != "*" for _, name in imported(module)), module.name


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in (moderation.errors.__doc__ or "").split("\n"):
        match = re.match(r"^((?:[│ ] {3}|[├└]── )*)([A-Z]\w+)(?:\s{2,}\S.*)?$", line)
        if match and match[2] in moderation.errors.__all__:
            depth = len(match[1]) // 4
            del above[depth:]
            drawn[match[2]] = above[-1] if above else "Exception"
            above.append(match[2])
    real = {name: getattr(moderation.errors, name).__base__.__name__ for name in moderation.errors.__all__}
    assert drawn == real


def test_only_errors_of_the_tree_are_raised_for_callers() -> None:
    # others say that the code is wrong, not what it was given
    bugs = {
        "AssertionError",
        "KeyError",
        "NotImplementedError",
        "StopIteration",
        "TypeError",
        "ValueError",
        "AttributeError",
    }
    for module in modules():
        for node in module.nodes:
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
                name = node.exc.func.id
                if isinstance(getattr(builtins, name, None), type):
                    assert name in bugs, f"{module.name} raises {name}"


def test_nothing_is_left_to_be_done() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_examples_in_docstrings_run(module: Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = [node for node in module.nodes if hasattr(node, "body") and ">>>" in (_docstring(node) or "")]
    if not examples:
        return
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(module.name), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0


def _docstring(node: ast.AST) -> str | None:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return ast.get_docstring(node) if isinstance(node, documented) else None


# The README.


def readme() -> str:
    if not README.is_file():
        pytest.skip("README.md is not there yet")
    return README.read_text(encoding="utf-8")


def blocks(*languages: str) -> list[tuple[int, str]]:
    """Return the fenced blocks of the README in one of the languages, each with the line it begins on."""
    text = readme()
    return [
        (text.count("\n", 0, match.start()) + 1, match[2])
        for match in re.finditer(r"(?ms)^```(\w*)[^\n]*\n(.*?)^```", text)
        if match[1] in languages
    ]


def commands() -> dict[str, set[str]]:
    """Return every command of the command line, by its words, with its options."""
    typer = pytest.importorskip("typer")
    cli = pytest.importorskip("moderation.cli")
    found: dict[str, set[str]] = {}

    def walk(command, words: tuple[str, ...]) -> None:
        found[" ".join(words)] = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        for name, inner in getattr(command, "commands", {}).items():
            if not inner.hidden:
                walk(inner, (*words, name))

    walk(typer.main.get_command(cli.app), ("moderation",))
    return found


def test_every_command_is_documented() -> None:
    text = readme()
    missing = [words for words in commands() if not re.search(rf"{re.escape(words)}\b", text)]
    assert missing == []


def typed() -> list[tuple[int, str]]:
    """Return the command lines in the README's console blocks."""
    found = []
    for begin, block in blocks("console", "sh", "bash", "shell"):
        for offset, line in enumerate(block.replace("\\\n", "  ").split("\n"), 1):
            command = line.removeprefix("$ ").split(" #")[0].strip()
            if command:
                found.append((begin + offset, command))
    return found


def test_every_command_typed_in_the_readme_exists() -> None:
    known = commands()
    targets = set(re.findall(r"(?m)^([a-z][\w-]*)\s*:(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8")))
    for line, command in typed():
        words = [word for word in command.split() if not re.fullmatch(r"[A-Z_]+=\S*", word)]
        if words[0] == "make":
            for word in words[1:]:
                assert word in targets, f"README.md line {line}: make has no target {word}"
        elif words[0] == "moderation":
            name = max((each for each in known if f"{command} ".startswith(f"{each} ")), key=len)
            if len(words) > 1 and not words[1].startswith("-"):
                assert name != "moderation", f"README.md line {line}: there is no command {words[1]}"
            options = {word.split("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)}
            unknown = options - known[name] - {"--help", "-h"}
            assert not unknown, f"README.md line {line}: {name} has no option {', '.join(sorted(unknown))}"


def test_python_in_the_readme_runs(tmp_path: Path) -> None:
    for line, block in blocks("python"):
        if ">>>" in block:
            block = "import doctest, sys\nsys.exit(doctest.testfile('block.txt', module_relative=False).failed)"  # noqa: PLW2901
            (tmp_path / "block.txt").write_text(dict(blocks("python"))[line], encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", block],
            cwd=tmp_path,
            env={"MODERATION_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"README.md line {line}:\n{done.stdout}{done.stderr}"


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", readme()):
        assert (ROOT / target).exists(), f"README.md links to {target}"
