"""scikit-learn estimators: one network, no ensemble, no baselines, inside that library's pipelines and searches.

>>> from sklearn.datasets import load_iris
>>> from mapsto.sklearn import MapstoClassifier
>>> x, y = load_iris(return_X_y=True)
>>> bool(MapstoClassifier(random_state=0).fit(x, y).score(x, y) > 0.9)
True

Pickling (which that ecosystem demands) goes through `__getstate__` to the bytes of a `.mapsto` file: unpickling such an
estimator runs pickle itself, so open only your own; `save` and `mapsto.load` are the safe way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from mapsto.model import Model

if TYPE_CHECKING:
    import polars as pl

_TARGET = "target "
"""With a blank, so that no column of the user is likely to have this name."""
_WEIGHT = "weight "


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What classifier and regressor share; arguments are described at `MapstoRegressor`."""

    def __init__(
        self,
        network: Any = "tabm",
        *,
        time: str | float | None = None,
        recipe: Any = None,
        types: dict[str, Any] | None = None,
        device: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.network = network
        self.time = time
        self.recipe = recipe
        self.types = types
        self.device = device
        self.random_state = random_state

    def _fit(self, x: Any, y: np.ndarray, sample_weight: Any, target_type: str) -> Self:
        from sklearn.utils import check_random_state

        from mapsto.fitting.options import make_options
        from mapsto.fitting.pipeline import fit
        from mapsto.training.run import Run

        frame = self._frame(x).with_columns(_series(_TARGET, y))
        if sample_weight is not None:
            frame = frame.with_columns(_series(_WEIGHT, _check_sample_weight(sample_weight, x)))
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        options = make_options(
            target=_TARGET,
            network=self.network,
            types={_TARGET: target_type, **self._types(x, frame)},
            valid=0.1 if frame.height >= 100 else 0,
            test=0,
            weight=None if sample_weight is None else _WEIGHT,
            time=self.time,
            recipe=self.recipe,
            device=self.device,
            seed=int(seed),
            judge=False,
        )
        self.model_ = Model(fit(frame, options, Run(time=options.recipe.time)))
        return self

    def _types(self, x: Any, frame: pl.DataFrame) -> dict[Any, Any]:
        """Columns of a plain array are numbers; those of a frame are recognised, unless given."""
        if hasattr(x, "columns") and not hasattr(x, "toarray"):
            return dict(self.types or {})
        return {name: "number" for name in frame.columns if name not in (_TARGET, _WEIGHT)}

    def _frame(self, x: Any) -> pl.DataFrame:
        """The rows as a frame: frames as they are, arrays with columns x0, x1, ..."""
        import polars as pl

        if hasattr(x, "columns") and not hasattr(x, "toarray"):
            from mapsto.table import read

            return read(x).frame
        array = np.asarray(x)
        return pl.DataFrame({f"x{j}": array[:, j] for j in range(array.shape[1])})

    def _validated(self, x: Any, *, reset: bool, y: Any = "no_validation") -> Any:
        """Checked as scikit-learn does; frames keep their columns, so that categories and dates stay what they are."""
        if hasattr(x, "columns") and not hasattr(x, "toarray"):
            validate_data(self, x, reset=reset, skip_check_array=True)
            return x if isinstance(y, str) else (x, _target(y, x))
        options = {"ensure_all_finite": "allow-nan", "dtype": "numeric"}
        if isinstance(y, str):
            return validate_data(self, x, reset=reset, **options)
        return validate_data(self, x, y, reset=reset, y_numeric=isinstance(self, RegressorMixin), **options)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.non_deterministic = False
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__().copy()
        if "model_" in state:
            state["model_"] = state["model_"].to_bytes()
        return dict(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if isinstance(state.get("model_"), bytes):
            from mapsto.fitted import Fitted

            state["model_"] = Model(Fitted.from_bytes(state["model_"]))
        super().__setstate__(state)


class MapstoClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A network that classifies. Arguments: see `MapstoRegressor`.

    Attributes:
        classes_: class values, sorted, `(n_classes,)`.
        model_: the `mapsto.Model`.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from `X` `(n_samples, n_features)`, an array or a frame, and class values `y` `(n_samples,)`."""
        x, y = self._validated(X, reset=True, y=y)
        _require_all(y)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            message = f"y holds one class only, {self.classes_[0]!r}; a classifier needs at least two"
            raise ValueError(message)
        return self._fit(x, codes.astype(np.int64), sample_weight, "category")

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities `(n_samples, n_classes)`, columns in the order of `classes_`."""
        check_is_fitted(self)
        frame = self._frame(self._validated(X, reset=False))
        found = self.model_.predict_proba(frame)
        wanted = [str(code) for code in range(len(self.classes_))]
        probabilities: np.ndarray = found.select(wanted).to_numpy()
        return probabilities

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row, `(n_samples,)`."""
        probabilities = self.predict_proba(X)
        predicted: np.ndarray = self.classes_[probabilities.argmax(axis=1)]
        return predicted


class MapstoRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A network that predicts a number.

    Args:
        network: name of a network (`mapsto networks`), or an `nn.Module`.
        time: seconds or "10m"; None: until validation stops improving.
        recipe: a `mapsto.Recipe`, a mapping or the path of a YAML file.
        types: column types by name, for frames.
        device: "auto", "cpu", "cuda", "mps" or "xpu".
        random_state: a whole number or a `RandomState`; same seed, same network.

    Attributes:
        model_: the `mapsto.Model`.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from `X` `(n_samples, n_features)`, an array or a frame, and numbers `y` `(n_samples,)`."""
        x, y = self._validated(X, reset=True, y=y)
        return self._fit(x, np.asarray(y, dtype=np.float64), sample_weight, "number")

    def predict(self, X: Any) -> np.ndarray:
        """A number a row, `(n_samples,)`."""
        check_is_fitted(self)
        frame = self._frame(self._validated(X, reset=False))
        predicted: np.ndarray = self.model_.predict(frame)[_TARGET].to_numpy()
        return predicted


def _series(name: str, values: np.ndarray) -> pl.Series:
    import polars as pl

    return pl.Series(name, np.asarray(values))


def _require_all(y: np.ndarray) -> None:
    """Refuse rows without a class, as scikit-learn does."""
    values = y.tolist() if y.dtype.kind in "Of" else []
    if absent := [row for row, value in enumerate(values) if _is_missing(value)]:
        message = f"y holds {y[absent[0]]!r} in row {absent[0]} ({len(absent):,} such rows); expected a class in each"
        raise ValueError(message)


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def _target(y: Any, x: Any) -> np.ndarray:
    from sklearn.utils import check_consistent_length, column_or_1d

    checked: np.ndarray = column_or_1d(y, warn=True)
    check_consistent_length(x, checked)
    return checked
