"""What the README shows can be typed: its commands parse, its Python names exist, its make targets are there."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest

from stylize.cli import COMMANDS, parser_of_all_commands

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()


def _shown_commands() -> list[str]:
    """Everything that starts with `vimo` and one of its commands, in code blocks and between backticks."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)).replace("\\\n", " ")
    lines = [*blocks.splitlines(), *re.findall(r"`(vimo [^`]*)`", TEXT)]
    shown = [line.partition("  #")[0].strip() for line in lines]
    return [line for line in shown if line.split()[:1] == ["vimo"] and line.split()[1] in COMMANDS]


@pytest.mark.parametrize("line", _shown_commands())
def test_a_command_of_the_readme_is_understood(line: str) -> None:
    words = [word for word in shlex.split(line)[1:] if word != "…"]
    if len(words) > 1 or words == ["bundle"]:
        parser_of_all_commands().parse_args(words)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commands_own_examples_are_understood(command: str) -> None:
    for example in importlib.import_module(f"stylize.commands.{command}").EXAMPLE.splitlines():
        assert shlex.split(example)[:2] == ["vimo", command]
        parser_of_all_commands().parse_args(shlex.split(example)[1:])


def test_every_command_stands_in_the_readme() -> None:
    assert {line.split()[1] for line in _shown_commands()} == set(COMMANDS)


def test_the_names_of_the_python_example_exist() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    imports = [node for node in ast.parse(block).body if isinstance(node, ast.ImportFrom)]
    assert imports
    for node in imports:
        module = importlib.import_module(str(node.module))
        assert all(hasattr(module, name.name) for name in node.names)


def test_the_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake (\w+)", TEXT)) <= targets
