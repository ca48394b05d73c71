"""What a model was made with."""

from __future__ import annotations

import platform

import numpy as np

from mapsto.version import __version__


def versions() -> dict[str, str]:
    """Versions by name, for the manifest."""
    import polars
    import sklearn

    return {
        "mapsto": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "polars": polars.__version__,
        "scikit-learn": sklearn.__version__,
    }
