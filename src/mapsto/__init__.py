"""x ↦ y: learn a mapping from any columns of a table to any other columns, and say how far to trust it.

>>> import mapsto
>>> sorted(mapsto.__all__)[:3]
['Audio', 'Boolean', 'Category']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mapsto.version import __version__

if TYPE_CHECKING:
    from mapsto.api import fit as fit
    from mapsto.api import resume as resume
    from mapsto.columns import Audio as Audio
    from mapsto.columns import Boolean as Boolean
    from mapsto.columns import Category as Category
    from mapsto.columns import Date as Date
    from mapsto.columns import Identifier as Identifier
    from mapsto.columns import Image as Image
    from mapsto.columns import Number as Number
    from mapsto.columns import Sequence as Sequence
    from mapsto.columns import Set as Set
    from mapsto.columns import Text as Text
    from mapsto.columns import Tree as Tree
    from mapsto.columns import Video as Video
    from mapsto.errors import DataError as DataError
    from mapsto.errors import MapstoError as MapstoError
    from mapsto.errors import ModelFileError as ModelFileError
    from mapsto.errors import OptionError as OptionError
    from mapsto.model import Model as Model
    from mapsto.model import load as load
    from mapsto.recipe import Recipe as Recipe

# Imported when first used: `import mapsto` costs milliseconds and touches neither torch nor scikit-learn.
_HOMES = {
    "fit": "api",
    "resume": "api",
    "load": "model",
    "Model": "model",
    "Recipe": "recipe",
    "Audio": "columns",
    "Boolean": "columns",
    "Category": "columns",
    "Date": "columns",
    "Identifier": "columns",
    "Image": "columns",
    "Number": "columns",
    "Sequence": "columns",
    "Set": "columns",
    "Text": "columns",
    "Tree": "columns",
    "Video": "columns",
    "MapstoError": "errors",
    "DataError": "errors",
    "OptionError": "errors",
    "ModelFileError": "errors",
}
_ROOMS = ("columns", "errors", "networks", "objectives", "table", "testing")
"""Parts of the package that are reached as attributes without being imported by name: `mapsto.columns.Image`."""
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"mapsto.{name}")
    if name not in _HOMES:
        message = f"module 'mapsto' has no attribute {name!r}"
        raise AttributeError(message)
    from mapsto.process import borrowed

    with borrowed(computes=False):
        found = getattr(import_module(f"mapsto.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
