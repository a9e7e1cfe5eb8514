"""What a linter does not see: sizes of modules and functions, homes of clients, words that don't belong, addresses.

Run by `make check` as `python -m tests.hygiene`; prints each finding and ends with 1 when there is one.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES, FUNCTION_LINES, ARGUMENTS = 350, 60, 8

# Where the clients of other systems may be imported, by prefix.
HOMES = {
    "faust": ("agents/",),
    "aiokafka": ("agents/",),
    "kafka": ("touchline/client/",),
    "clickhouse_driver": ("agents/sinks/clickhouse", "touchline/embedded/"),
    "chdb": ("touchline/embedded/",),
}
# Assembled, so that this file does not find itself.
HOSTS = re.compile("|".join(["py" + "pi\\.org", "python" + "hosted", "registry\\." + "npmjs", "repo1?\\." + "maven"]))
PATHS = re.compile("(?:/" + "root/|/" + "work/|/" + "home/[a-z]+/|/tmp/" + "lab)")
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error"]) + r")\b")
TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".sql", ".sh", ".cfg", ".xml", ".html", ".css", ""}


def tracked() -> list[Path]:
    """The files that git knows, links left out."""
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S607
    return [path for path in map(Path, listed) if path.is_file() and not path.is_symlink()]


def findings(path: Path) -> Iterator[str]:
    """What is wrong with one file."""
    if path.suffix not in TEXT or path.name == "LICENSE":
        return
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        if HOSTS.search(line) or PATHS.search(line):
            yield f"{path}:{number}: names a registry's host or a machine's path"
        if path.suffix == ".py" and "tests" not in path.parts and UNFINISHED.search(line):
            yield f"{path}:{number}: unfinished"
    if path.suffix == ".py":
        if "tests" not in path.parts and text.count("\n") > MODULE_LINES:
            yield f"{path}: {text.count(chr(10))} lines, at most {MODULE_LINES}"
        yield from _code(path, ast.parse(text), text.splitlines())


def _code(path: Path, tree: ast.Module, lines: list[str]) -> Iterator[str]:
    product = "tests" not in path.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}"
            own = bool(node.args.args) and node.args.args[0].arg in {"self", "cls"}  # nobody hands that in
            if len(node.args.args) - own + len(node.args.kwonlyargs) > ARGUMENTS:
                yield f"{path}:{node.lineno}: {node.name} has more than {ARGUMENTS} arguments"
        elif isinstance(node, ast.ExceptHandler) and product:
            everything = node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"}
            # What is raised again, as it is or by its name for the caller, was not swallowed.
            if everything and not isinstance(node.body[-1], ast.Raise) and "noqa: BLE001" not in lines[node.lineno - 1]:
                yield f"{path}:{node.lineno}: catches everything"
        elif isinstance(node, ast.Import | ast.ImportFrom) and product and "benchmarks" not in path.parts:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for root in (name.split(".")[0] for name in names):
                if root in HOMES and not str(path).startswith(HOMES[root]):
                    yield f"{path}:{node.lineno}: imports {root}, which belongs to {', '.join(HOMES[root])}"


def main() -> int:
    """Checks every tracked file."""
    found = [finding for path in tracked() for finding in findings(path)]
    print("\n".join(found) or "hygiene: nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
