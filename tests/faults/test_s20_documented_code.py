"""What pages and docstrings name as `mapsto.a.b` is there in a fresh process, before anything else was used."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_NAMED = re.compile(r"(?<![\w./])mapsto\.[A-Za-z_]+(?:\.[A-Za-z_]+)*(?=\()")
NAMES = sorted(
    {
        name
        for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")]
        for name in _NAMED.findall(page.read_text(encoding="utf-8"))
    }
    | {f"mapsto.{room}" for room in ("columns.Image", "errors.DataError", "networks.NETWORKS", "testing.check_column")}
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_there_after_import_mapsto_alone(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", f"import mapsto; {name}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_option_of_the_page_on_inputs() -> None:
    code = "import mapsto; print(mapsto.Image(tiles=3).tiles, mapsto.columns.Image(tiles=3).tiles)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "3 3\n", done.stderr
