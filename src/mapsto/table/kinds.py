"""Frames in memory: pandas, polars, pyarrow and dicts of arrays in, the same kind out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from narwhals import dependencies

from mapsto.errors import DataError
from mapsto.table.frame import Kind, Levels
from mapsto.table.moments import is_text
from mapsto.table.pixels import as_cells

ACCEPTED = (
    "a path (csv, tsv, jsonl, json, parquet, arrow, feather, xlsx; also .gz and .zip) or a folder with train, valid "
    "and test tables, a pandas, polars or pyarrow table, or a dict of columns"
)

_DIMENSIONS = (1, 3, 4, 5)
"""Of an array: a value a row, or a grey or coloured picture, or a clip."""


def from_object(data: Any) -> tuple[pl.DataFrame, Kind]:
    """A frame in memory as polars, and what kind it was; values are shared where memory allows it."""
    if isinstance(data, pl.LazyFrame):
        return tidy(data.collect()), "polars"
    if isinstance(data, pl.DataFrame):
        return tidy(data), "polars"
    if dependencies.is_pandas_dataframe(data):
        return tidy(_from_pandas(data)), "pandas"
    if dependencies.is_pyarrow_table(data):
        _require_unique([str(name) for name in data.column_names])
        return tidy(_with_order(nw.from_native(data, eager_only=True).to_polars(), data)), "pyarrow"
    if isinstance(data, Mapping):
        return tidy(_from_mapping(data)), "dict"
    if hasattr(data, "__arrow_c_stream__") and not dependencies.is_into_series(data):
        return tidy(pl.DataFrame(data)), "polars"
    message = f"cannot read a table from {_described(data)}; expected {ACCEPTED}."
    raise DataError(message)


def levels_of(data: Any) -> dict[str, Levels]:
    """Columns of numbers that a pandas or pyarrow table declares to be categories: polars has no such type."""
    found: dict[str, Levels] = {}
    if dependencies.is_pandas_dataframe(data):
        for name, (_, series) in zip(map(str, data.columns), data.items(), strict=True):
            if str(series.dtype) == "category" and series.dtype.categories.dtype.kind in "iuf":
                found[name] = Levels(tuple(series.dtype.categories.tolist()), bool(series.dtype.ordered))
    elif dependencies.is_pyarrow_table(data):
        for name, column in zip(data.column_names, data.columns, strict=True):
            values = _dictionary(column)
            if values is not None and all(isinstance(value, int | float) for value in values):
                found[str(name)] = Levels(tuple(values), bool(column.type.ordered))
    return found


def _dictionary(column: Any) -> list[Any] | None:
    """The values of a pyarrow column that is encoded by a dictionary, in the order of their codes."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        return None
    chunks = column.unify_dictionaries().chunks
    return [value for value in chunks[0].dictionary.to_pylist() if value is not None] if chunks else []


def tidy(frame: pl.DataFrame) -> pl.DataFrame:
    """The same values in the types that columns know: no decimals, half floats, 128-bit integers or Python objects."""
    changed = []
    for series in frame.get_columns():
        dtype = series.dtype
        if isinstance(dtype, pl.Decimal) or dtype in (pl.Int128, pl.UInt128):
            fits = isinstance(dtype, pl.Decimal)
            changed.append(series.cast(pl.Float64 if fits else pl.String))
        elif dtype == pl.Float16:
            changed.append(series.cast(pl.Float32))
        elif dtype == pl.Object or isinstance(dtype, pl.Extension):
            texts = [None if value is None else str(value) for value in series.to_list()]
            changed.append(pl.Series(series.name, texts, dtype=pl.String))
    return frame.with_columns(changed) if changed else frame


def give_back(frame: pl.DataFrame, kind: Kind, like: Any = None) -> Any:
    """`frame` in the user's kind: pandas or pyarrow where that was given, else polars.

    Args:
        frame: the result.
        kind: as `Table.kind` has it.
        like: the user's own pandas frame: its index is taken over when it has as many rows.
    """
    if kind == "pandas":
        return _to_pandas(frame, like)
    if kind == "pyarrow":
        return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    return frame


def _described(data: Any) -> str:
    if isinstance(data, np.ndarray):
        return f"a numpy array of shape {data.shape} (name its columns: {{'a': array[:, 0], ...}})"
    if isinstance(data, list):
        return "a list (rows become a table with polars.DataFrame(rows))"
    if dependencies.is_into_series(data):
        return "a single series (make it a table with .to_frame())"
    return f"{'an' if type(data).__name__[0] in 'aeiouAEIOU' else 'a'} {type(data).__name__}"


def _require_unique(names: list[str]) -> None:
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        if name in first:
            message = (
                f"two columns are named {name!r}, at positions {first[name] + 1} and {position + 1}. Expected each "
                "name once; rename one or remove it."
            )
            raise DataError(message)
        first[name] = position


def _from_mapping(data: Mapping[Any, Any]) -> pl.DataFrame:
    columns = []
    for name, values in data.items():
        if (
            isinstance(values, str | bytes)
            or not hasattr(values, "__len__")
            or getattr(values, "ndim", 1) not in _DIMENSIONS
        ):
            shape = getattr(values, "shape", None)
            seen = f"an array of shape {shape}" if shape is not None else f"a {type(values).__name__}"
            message = f"column {name!r} is {seen}; expected a list or an array with one value (or one picture) a row"
            raise DataError(message)
        columns.append(_from_values(str(name), values))
    _require_unique([series.name for series in columns])
    lengths = {series.name: len(series) for series in columns}
    if len(set(lengths.values())) > 1:
        message = f"columns have different lengths {lengths}; expected one value a row in each"
        raise DataError(message)
    return pl.DataFrame(columns)


def _from_values(name: str, values: Any) -> pl.Series:
    """One column from whatever holds its values."""
    if isinstance(values, pl.Series):
        return values.alias(name)
    if dependencies.is_pandas_series(values):
        return _pandas_series(name, values)
    if dependencies.is_pyarrow_chunked_array(values):
        return pl.Series(name, nw.from_native(values, series_only=True).to_polars())
    if isinstance(values, np.ma.MaskedArray):
        values = values.tolist()  # gaps become None
    if not isinstance(values, np.ndarray) and hasattr(values, "__array__"):
        values = np.asarray(values)
    if isinstance(values, np.ndarray) and values.dtype.kind not in "biufmMU":
        values = values.tolist()
    if isinstance(values, np.ndarray):
        return pl.Series(name, np.ascontiguousarray(values), nan_to_null=False)
    return _listed(name, list(values))


def _listed(name: str, values: list[Any]) -> pl.Series:
    return pl.Series(name, as_cells(values), strict=False)


def _with_order(frame: pl.DataFrame, data: Any) -> pl.DataFrame:
    """Dictionaries of text whose order means something keep it."""
    ordered = {
        str(name): [str(value) for value in _dictionary(column) or []]
        for name, column in zip(data.column_names, data.columns, strict=True)
        if getattr(column.type, "ordered", False) and is_text(frame[str(name)].dtype)
    }
    return frame.with_columns(pl.col(name).cast(pl.Enum(levels)) for name, levels in ordered.items())


def _from_pandas(data: Any) -> pl.DataFrame:
    names = [str(name) for name in data.columns]
    _require_unique(names)
    return pl.DataFrame([_pandas_series(name, series) for name, (_, series) in zip(names, data.items(), strict=True)])


def _pandas_series(name: str, series: Any) -> pl.Series:
    """A pandas column: through Arrow where it can be shared or converted, else value by value (mixed objects, or a
    pandas without pyarrow).
    """
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return pl.Series(name, np.ascontiguousarray(series.to_numpy()), nan_to_null=True)
    found: Any = None
    if dependencies.get_pyarrow() is not None or (isinstance(dtype, np.dtype) and dtype.kind in "mM"):
        try:
            found = pl.from_pandas(series)
        except (TypeError, ValueError, OverflowError, NotImplementedError):
            found = None  # Arrow has no type for a mixture; as values below it becomes text
    if found is None or isinstance(found.dtype, pl.Extension):
        found = _listed(name, _pandas_values(series))
    if str(dtype) == "category" and not (found.dtype.is_numeric() or found.dtype == pl.Boolean):
        found = _as_categories(found, series)
    return pl.Series(name, found)


def _as_categories(found: pl.Series, series: Any) -> pl.Series:
    """Cells of a pandas column of categories, as text: with their levels where these are in an order."""
    if not is_text(found.dtype):
        found = _listed(found.name, [None if value is None else str(value) for value in _pandas_values(series)])
    levels = [str(value) for value in series.dtype.categories]
    return found.cast(pl.String).cast(pl.Enum(levels) if series.dtype.ordered else pl.Categorical)


def _pandas_values(series: Any) -> list[Any]:
    missing = series.isna().to_numpy(dtype=bool)
    values = np.array(series.astype(object), dtype=object)
    values[missing] = None
    found: list[Any] = values.tolist()
    return found


def _to_pandas(frame: pl.DataFrame, like: Any) -> Any:
    import pandas as pd

    index = like.index if like is not None and len(like) == frame.height else None
    columns = {series.name: _to_pandas_values(series) for series in frame.get_columns()}
    return pd.DataFrame(columns, index=index, columns=frame.columns)


def _to_pandas_values(series: pl.Series) -> Any:
    """Values as pandas holds them; whole numbers and booleans with gaps take its nullable types."""
    import pandas as pd

    dtype = series.dtype
    gaps = series.is_null().to_numpy()
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        naive = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy()
        return pd.DatetimeIndex(naive).tz_localize("UTC").tz_convert(dtype.time_zone)
    if dtype.is_integer() and gaps.any():
        return pd.arrays.IntegerArray(series.fill_null(0).to_numpy().copy(), gaps.copy())
    if dtype == pl.Boolean and gaps.any():
        return pd.arrays.BooleanArray(series.fill_null(value=False).to_numpy().copy(), gaps.copy())
    if dtype.is_numeric() or dtype == pl.Boolean or (dtype.is_temporal() and dtype != pl.Time):
        return series.to_numpy().copy()
    if isinstance(dtype, pl.Enum):
        return pd.Categorical(series.cast(pl.String).to_list(), dtype.categories.to_list(), ordered=True)
    if dtype in (pl.String, pl.Categorical):
        return series.cast(pl.String).to_list()
    values = np.empty(len(series), dtype=object)
    values[:] = series.to_list()
    return values
