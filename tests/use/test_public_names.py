"""What ``import obverse`` offers: all of it there, none of it loaded before it is used."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import obverse


@pytest.mark.parametrize("name", obverse.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(obverse, name) is not None


@pytest.mark.parametrize("package", obverse._PACKAGES)
def test_public_names_of_parts_are_no_modules(package: str) -> None:
    """Not even when all modules have been loaded, which puts their names into the package."""
    part = getattr(obverse, package)
    for module in pkgutil.iter_modules(part.__path__) if hasattr(part, "__path__") else ():
        importlib.import_module(f"{part.__name__}.{module.name}")
    assert not [name for name in part.__all__ if inspect.ismodule(getattr(part, name))]
    assert [name for name in part.__all__ if callable(getattr(part, name))]


def test_a_recipe_needs_nothing_of_registers() -> None:
    code = "import sys, obverse.recipe; sys.exit('obverse.emccd' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_loads_nothing() -> None:
    code = "import sys, obverse; sys.exit(any(m in sys.modules for m in ('numpy', 'astropy', 'numba')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_stub_lists_the_same_names() -> None:
    stub = Path(obverse.__file__).with_suffix(".pyi")
    named = [
        alias.asname
        for node in ast.parse(stub.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert sorted(named) == sorted([*obverse.__all__, *obverse._PACKAGES])


def test_no_module_hides_a_public_name() -> None:
    modules = {module.name for module in pkgutil.iter_modules(obverse.__path__)}
    assert not modules & set(obverse.__all__)


def test_every_module_imports_alone() -> None:
    for module in pkgutil.walk_packages(obverse.__path__, "obverse."):
        importlib.import_module(module.name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fit_ramp'"):
        _ = obverse.fit_ramp
