"""The README names every dependency with its reason, and the program uses each."""

from __future__ import annotations

import ast
import functools
import re
import tomllib

import pytest
from pages import README, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MODULES = {"python-calamine": "python_calamine", "python-stdnum": "stdnum"}
INDIRECT = {"tzdata": "zoneinfo", "python-multipart": "starlette"}
"""Dependencies that another module reads: the standard library's zones, the uploads of the web server."""


def bare(requirements):
    return {re.match(r"[A-Za-z0-9-]+", text)[0].lower() for text in requirements}


RUNTIME = bare(PROJECT["dependencies"])
EXTRAS = {name for extra in PROJECT["optional-dependencies"].values() for name in bare(extra)}


def listed():
    table = README.read_text("utf-8").split("| Needs | For |\n", 1)[1].split("\n\n", 1)[0]
    rows = [line.strip("|").split("|") for line in table.splitlines()[1:]]
    assert all(reason.strip() for _, reason in rows)
    return [name.strip() for names, _ in rows for name in names.split(",")]


@functools.cache
def imported():
    found = set()
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                found.add(node.module.split(".")[0])
    return found


def test_the_readme_names_each_dependency_once_and_no_other():
    names = listed()
    assert sorted(names) == sorted(set(names))
    assert set(names) == RUNTIME | EXTRAS


@pytest.mark.parametrize("name", sorted(RUNTIME))
def test_each_dependency_is_used(name):
    assert MODULES.get(name, INDIRECT.get(name, name)) in imported()
