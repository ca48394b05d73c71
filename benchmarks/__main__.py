"""`python -m benchmarks NAME`: run a benchmark and write its dated table into `benchmarks/results/`."""

from __future__ import annotations

import importlib
import sys

NAMES = {
    "tables": "mapsto and its peers on six tables: scores, seconds, memory",
    "images": "pictures and clips: Fashion-MNIST, CIFAR-10, faces, moving items",
    "text": "texts: AG News, SST-2, CLINC150",
    "sound": "spoken digits",
    "series": "series of measurements: sets that come with packages, beside MiniRocket",
    "mixed": "a picture, a text, a number and a category in one table",
    "trees": "parse trees: the Stanford Sentiment Treebank",
    "patience": "how long to learn: classes that overlap and classes that do not",
    "loop": "the training loop against a hand-written one and the tutorial one",
    "epochs": "seconds an epoch of pictures beside the tutorial loop, Lightning, skorch and Keras",
    "predict": "a million rows from a file, one row from a loaded model",
    "startup": "mapsto --help and import mapsto",
    "memory": "peak memory of encoding and training one pass over 5,000,000 rows",
    "folder": "100,000 pictures in a folder: seconds to the first step, and peak memory",
    "timekeeping": "time= kept, alone and beside a busy process",
    "evidence": "the row that each registered name stands on (benchmarks/evidence.json)",
}


def main() -> None:
    """Run the benchmark named on the command line."""
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        print("python -m benchmarks NAME [options]\n")
        for name, what in NAMES.items():
            print(f"  {name:<12} {what}")
        raise SystemExit(2)
    importlib.import_module(f"benchmarks.{sys.argv[1]}").main(sys.argv[2:])


main()
