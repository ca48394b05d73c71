"""How long `mapsto --help` and `import mapsto` take, and what they import: `python -m benchmarks startup`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.common import publish, python, table, timed

HEAVY = ("torch", "sklearn", "captum", "matplotlib", "pandas", "scipy", "mapsto.training.loop")
_SEEN = f"""
import json
print("\\n" + json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""
_IMPORT = "import sys, mapsto"
_HELP = """
import sys
from mapsto.cli import main
sys.argv = ["mapsto", "--help"]
try:
    main()
except SystemExit:
    pass
"""
_FIT = """
import sys, mapsto
from mapsto.demo import DATA
mapsto.fit(DATA, target="credit_risk", network="tabm", progress=False).save(sys.argv[1])
"""
_LOAD = """
import sys, mapsto
model = mapsto.load(sys.argv[1])
"""
_PREDICT = f"""{_LOAD}
model.predict({{name: [None] for name in model.columns["column"]}})
"""


def main(arguments: list[str]) -> None:
    """Time fresh processes, look into their `sys.modules`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks startup")
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args(arguments).runs
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "model.mapsto"))
        subprocess.run(python(_FIT, path), check=True)
        rows = [
            ("python -c pass", python("pass"), "", None),
            (
                "mapsto --help",
                [str(Path(sys.executable).with_name("mapsto")), "--help"],
                "0.3 s",
                python(_HELP + _SEEN),
            ),
            ("import mapsto", python(_IMPORT), "0.2 s", python(_IMPORT + _SEEN)),
            ("mapsto.load", python(_LOAD, path), "", python(_LOAD + _SEEN, path)),
            ("mapsto.load, predict one row", python(_PREDICT, path), "", python(_PREDICT + _SEEN, path)),
        ]
        lines = [_line(*row, runs=runs) for row in rows]
    about = (
        f"Wall seconds of whole processes, interpreter included: median of {runs} and slowest. The last column names "
        f"what is in `sys.modules` afterwards of {', '.join(HEAVY)}. The model is a `tabm` on German credit."
    )
    header = ["process", "median s", "slowest s", "goal", "imported"]
    publish("startup", arguments, about, [table(header, lines)])


def _line(title: str, command: list[str], goal: str, look: list[str] | None, *, runs: int) -> list[str]:
    timed(command)  # the first reads the files into the system's cache
    seconds = [timed(command) for _ in range(runs)]
    seen = "" if look is None else ", ".join(_imported(look)) or "none"
    return [title, f"{median(seconds):.3f}", f"{max(seconds):.3f}", goal, seen]


def _imported(look: list[str]) -> list[str]:
    done = subprocess.run(look, check=True, capture_output=True, text=True)
    found: list[str] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
