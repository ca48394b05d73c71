"""What the benchmarks share: the machine in words, dated tables, a busy neighbour, memory seen from outside."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("results")
WORK = Path("runs/benchmarks")
"""Tables and models made on the way; safe to delete."""
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "neon", "asimd", "sve", "bf16")
_SPIN = """
import threading
import numpy
def spin():
    a = numpy.random.default_rng(0).random((400, 400))
    while True:
        a = a @ a
        a /= a.max()
for _ in range({threads} - 1):
    threading.Thread(target=spin, daemon=True).start()
print("spinning", flush=True)
spin()
"""


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def instructions() -> list[str]:
    """The vector and matrix instruction sets that matter here, as Linux lists them."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))), [])
    return [name for name in _INSTRUCTIONS if name in flags]


def processor() -> str:
    """Cores and the widest instruction set, short enough for a cell of a table."""
    return f"{cores()} core{'s' * (cores() > 1)}, {(instructions() or ['unknown'])[-1]}"


def machine() -> str:
    """The machine in generic words."""
    sets = ", ".join(instructions()) or "instruction sets unknown"
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "polars", "scikit-learn"))
    load = f"; load average at the start {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{cores()} core{'s' * (cores() > 1)}, {platform.machine()} ({sets}), {platform.system()}; "
        f"Python {platform.python_version()}, {packages}{load}"
    )


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def publish(name: str, arguments: Sequence[str], about: str, sections: Sequence[str]) -> Path:
    """Print the result and write it to `results/NAME-DATE.md`."""
    command = " ".join(["python -m benchmarks", name, *arguments])
    today = datetime.date.today()
    text = "\n\n".join([f"# {name}, {today}", f"`{command}`", about, f"Machine: {machine()}.", *sections]) + "\n"
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{today}.md"
    path.write_text(text, encoding="utf-8")
    print(text)
    print(path.relative_to(ROOT))
    return path


def python(code: str, *arguments: str) -> list[str]:
    """The command that runs `code` in a fresh interpreter like this one."""
    return [sys.executable, "-c", code, *arguments]


@contextmanager
def busy(threads: int) -> Iterator[None]:
    """Inside the block a child process multiplies matrices without pause in this many threads; 0: no child."""
    if not threads:
        yield
        return
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    child = subprocess.Popen(
        python(_SPIN.format(threads=threads)), env=os.environ | single, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        child.stdout.readline()
        yield
    finally:
        child.kill()
        child.wait()


class Watch(threading.Thread):
    """Samples the anonymous memory of a process from outside, every 50 ms, and keeps the peak of each stage.

    `stage` may be set at any time by whoever knows what the process is doing.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.stage = "starting"
        self.peaks: dict[str, float] = {}
        """MiB by stage, in order of appearance."""
        self._status = Path(f"/proc/{pid}/status")
        self._over = threading.Event()

    def run(self) -> None:
        """Until the process is gone or `end` is called."""
        while not self._over.wait(0.05):
            found = self.anonymous()
            if found is None:
                return
            self.peaks[self.stage] = max(found, self.peaks.get(self.stage, 0.0))

    def anonymous(self) -> float | None:
        """MiB now; None when the process is gone."""
        try:
            lines = self._status.read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), None)

    def end(self) -> float:
        """Stop sampling; the peak over all stages, MiB."""
        self._over.set()
        self.join()
        return max(self.peaks.values(), default=0.0)


def timed(command: Sequence[str], **options: object) -> float:
    """Wall seconds of a command that must succeed; its output is discarded."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, **options)  # type: ignore[call-overload]
    return time.perf_counter() - start
