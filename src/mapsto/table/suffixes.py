"""What the names of files and folders say: the form of a table, the kind of a file, what its rows are for."""

from __future__ import annotations

import re
from pathlib import Path

DELIMITED = (".csv", ".tsv", ".tab", ".psv", ".txt", ".dat", ".data")
JSON_LINES = (".jsonl", ".ndjson")
ARROW = (".arrow", ".feather", ".ipc")
PARQUET = (".parquet", ".pq")
EXCEL = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
FORMS = (*DELIMITED, *JSON_LINES, ".json", *PARQUET, *ARROW, *EXCEL)
PACKED = (".gz", ".zip")

MEDIA = {
    "image": ("png", "jpg", "jpeg", "jpe", "jfif", "gif", "bmp", "webp", "tif", "tiff", "pgm", "ppm", "pbm", "pnm"),
    "audio": ("wav", "flac", "ogg", "oga", "opus", "mp3", "aif", "aiff", "au"),
    "video": ("mp4", "m4v", "mov", "avi", "mkv", "webm", "mpg", "mpeg"),
    "text": ("txt", "text", "md"),
}
"""Kinds of files that may stand in a cell, with their endings: the name of a column of them."""
KINDS = {ending: kind for kind, endings in MEDIA.items() for ending in endings}

ROLES = {"train": "train", "training": "train", "valid": "valid", "validation": "valid", "val": "valid",
         "dev": "valid", "test": "test", "testing": "test"}  # fmt: skip
"""File and folder names that say what their rows are for."""


def role_of(name: str) -> str | None:
    """The role that a table's name states: "test", "adult_test", "2020-train".

    >>> role_of("adult_test"), role_of("latest")
    ('test', None)
    """
    words = Path(name).name.lower().replace("-", "_").replace(".", "_").split("_")
    found = [ROLES[word] for word in (words[-1], words[0]) if word in ROLES]
    return found[0] if found else None


def folder_role(name: str) -> str | None:
    """The role that a folder's name states, words such as "set" aside.

    >>> folder_role("training_set"), folder_role("Test images"), folder_role("testset"), folder_role("test_tubes")
    ('train', 'test', 'test', None)
    """
    words = [word for word in re.split(r"[-_. ]+", name.lower()) if word not in _FILLERS]
    word = words[0] if len(words) == 1 else ""
    return ROLES.get(word) or ROLES.get(word.removesuffix("set"))


_FILLERS = {"", "set", "data", "dataset", "split", "folder", "images", "imgs", "pictures", "photos", "audio", "sounds",
            "clips", "videos", "texts", "files"}  # fmt: skip


def names_table(name: str) -> bool:
    """Whether a file's name is that of a table, plain or in .gz.

    >>> names_table("adult.csv.gz"), names_table("face.png"), names_table("notes.gz")
    (True, False, False)
    """
    path = Path(name.lower())
    return (path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix) in FORMS


def names_only_table(name: str) -> bool:
    """The same, for names that cannot be those of plain texts.

    >>> names_only_table("adult.csv.gz"), names_only_table("letter.txt")
    (True, False)
    """
    return names_table(name) and Path(name.lower()).suffix[1:] not in KINDS
