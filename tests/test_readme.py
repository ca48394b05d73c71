"""What the README shows, works."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from mapsto.cli import app

README = Path(__file__).resolve().parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
COMMANDS = [line for line in TEXT.splitlines() if line.startswith("mapsto ")]
LIMIT = 300
"""Seconds; the run itself is given 30 in the README."""


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_python_block_runs(tmp_path):
    (code,) = blocks("python")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    assert "attribution" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "loans.mapsto"}


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_and_their_options_exist(line):
    _, name, *rest = shlex.split(line, comments=True)
    command = typer.main.get_command(app).commands[name]
    options = {option for parameter in command.params for option in parameter.opts}
    for word in rest:
        assert not word.startswith("-") or word in options


def test_there_are_commands_and_a_demo():
    assert len(COMMANDS) >= 7
    assert any("mapsto demo" in block for block in blocks("sh"))


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_linked_files_are_there(link):
    assert (README.parent / link).exists()
