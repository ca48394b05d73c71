"""Frames in memory: pandas, polars, pyarrow and dicts of arrays in, the same kind out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import polars as pl
from narwhals import dependencies

from mapsto.errors import DataError, is_panic, translated
from mapsto.table.frame import Kind, Levels
from mapsto.table.moments import is_text
from mapsto.table.notes import Note
from mapsto.table.objects import as_array, holds_objects, plain_cells
from mapsto.table.pixels import as_cells, on_or_off
from mapsto.table.tidying import has_large, in_digits, whole

if TYPE_CHECKING:
    pass

ACCEPTED = (
    "a path (csv, tsv, jsonl, json, parquet, arrow, feather, xlsx; also .gz and .zip) or a folder with train, valid "
    "and test tables, a pandas, polars or pyarrow table, or a dict of columns"
)

_DIMENSIONS = (1, 2, 3, 4, 5)
"""Of an array: a value a row, or a series, a grey or coloured picture, or a clip."""


def from_object(data: Any) -> tuple[pl.DataFrame, Kind]:
    """A frame in memory as polars, and what kind it was; values are shared where memory allows it. See `tidy`."""
    if isinstance(data, pl.LazyFrame):
        with translated("the lazy frame cannot be computed"):
            data = data.collect()
    if isinstance(data, pl.DataFrame):
        return _without_objects(data), "polars"
    if dependencies.is_pandas_dataframe(data):
        return _from_pandas(data), "pandas"
    if dependencies.is_pyarrow_table(data):
        return from_arrow(data), "pyarrow"
    if isinstance(data, Mapping):
        return _from_mapping(data), "dict"
    if hasattr(data, "__arrow_c_stream__") and not dependencies.is_into_series(data):
        if (pyarrow := _pyarrow()) is not None:
            with translated(f"cannot read a table from {_described(data)}"):
                data = pyarrow.table(data)
            return from_arrow(data), "polars"
        with translated(f"cannot read a table from {_described(data)}"):
            return pl.DataFrame(data), "polars"
    message = f"cannot read a table from {_described(data)}; expected {ACCEPTED}."
    raise DataError(message)


def _without_objects(frame: pl.DataFrame) -> pl.DataFrame:
    """The same with columns of Python objects read value by value."""
    objects = [_listed(series.name, series.to_list()) for series in frame.get_columns() if series.dtype == pl.Object]
    return frame.with_columns(objects) if objects else frame


def _pyarrow() -> Any:
    """The library, if it is installed."""
    try:
        import pyarrow
    except ImportError:
        return None
    return pyarrow


def from_arrow(data: Any) -> pl.DataFrame:
    """A pyarrow table; columns of types that polars does not know go value by value."""
    names = [whole(str(name)) for name in data.column_names]
    _require_unique(names)
    foreign = [n for n, field in enumerate(data.schema) if is_foreign(field.type)]
    plain = data.select([n for n in range(len(names)) if n not in set(foreign)])
    with translated("the pyarrow table cannot be read"):
        known = iter(nw.from_native(plain, eager_only=True).to_polars().get_columns() if plain.num_columns else [])
    columns = [
        _listed(name, _arrow_values(data.column(n))) if n in set(foreign) else next(known).alias(name)
        for n, name in enumerate(names)
    ]
    return _with_order(pl.DataFrame(columns), data)


def is_foreign(dtype: Any) -> bool:
    """Whether polars has no type for this type of pyarrow, or for one inside it."""
    kinds = _pyarrow().types
    if kinds.is_decimal256(dtype) or kinds.is_interval(dtype) or kinds.is_union(dtype):
        return True
    if kinds.is_run_end_encoded(dtype):
        return True
    inner = [dtype.field(n).type for n in range(dtype.num_fields)]
    return any(map(is_foreign, inner))


def _arrow_values(column: Any) -> list[Any]:
    """Values one by one; decimals as numbers, pairs and triples such as intervals as they are written."""
    with translated("a column of the pyarrow table cannot be read"):
        values = column.to_pylist()
    return [_plain_value(value) for value in values]


def _plain_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, tuple):
        return str(value)
    return [_plain_value(each) for each in value] if isinstance(value, list) else value


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


def index_notes(data: Any) -> list[Note]:
    """A note on the index of a pandas frame that has a name: it is no column, and is not read."""
    if not dependencies.is_pandas_dataframe(data):
        return []
    names = [str(name) for name in data.index.names if name is not None]
    if not names or type(data.index).__name__ == "RangeIndex":
        return []
    noun, verb = ("index", "is") if len(names) == 1 else ("indices", "are")
    text = (
        f"The {noun} {', '.join(map(repr, names))} of the frame {verb} not read; reset_index() would make "
        f"{'it a column' if len(names) == 1 else 'them columns'}."
    )
    return [Note("info", text)]


def give_back(frame: pl.DataFrame, kind: Kind, like: Any = None, kept: Sequence[str] = ()) -> Any:
    """`frame` in the user's kind: pandas or pyarrow where that was given, else polars.

    Args:
        frame: the result.
        kind: as `Table.kind` has it.
        like: the user's own object: the index of a pandas frame is taken over when it has as many rows.
        kept: columns of the result that are the user's own, given back as they stood.
    """
    if kind == "pandas":
        return _to_pandas(frame, like, kept)
    if kind == "pyarrow":
        found = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        for name in set(kept) & set(like.column_names):
            found = found.set_column(found.column_names.index(name), name, like.column(name))
        return found
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
            or hasattr(values, "columns")
        ):
            shape = getattr(values, "shape", None)
            seen = f"an array of shape {shape}" if shape is not None else f"a {type(values).__name__}"
            message = (
                f"column {name!r} is {seen}; expected a list or an array with one value (or one series, or one "
                "picture) a row"
            )
            raise DataError(message)
        with translated(f"column {name!r} cannot be read"):
            columns.append(_from_values(whole(str(name)), values))
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
        if is_foreign(values.type):
            return _listed(name, _arrow_values(values))
        return pl.Series(name, nw.from_native(values, series_only=True).to_polars())
    if getattr(values, "ndim", 1) == 2 and values.shape[1] == 1:
        values = values.reshape(-1)  # one value a row, as libraries of arrays hold a column
    if isinstance(values, np.ma.MaskedArray):
        values = values.tolist()  # gaps become None
    if not isinstance(values, np.ndarray) and hasattr(values, "__array__"):
        values = as_array(values)
    if isinstance(values, np.ndarray) and (values.dtype.kind not in "biufmM" or values.dtype == np.longdouble):
        values = values.astype(np.float64) if values.dtype.kind == "f" else values.tolist()
    if isinstance(values, np.ndarray) and values.dtype == bool and values.ndim > 2:
        values = on_or_off(values)
    if isinstance(values, np.ndarray) and values.ndim > 1 and values.dtype.kind in "mM":
        values = list(values)
    if isinstance(values, np.ndarray):
        return pl.Series(name, np.ascontiguousarray(_in_known_units(values)), nan_to_null=False)
    return _listed(name, list(values))


def _in_known_units(values: np.ndarray) -> np.ndarray:
    """Instants in one of the units that polars knows, those beyond the calendar as missing."""
    if values.dtype.kind not in "mM" or np.datetime_data(values.dtype) in _UNITS:
        return values
    if values.dtype.kind == "m":
        return values.astype("m8[us]")
    if np.datetime_data(values.dtype)[0] in ("Y", "M", "W", "D", "h", "m", "s"):
        first, last = (np.datetime64(day).astype(values.dtype) for day in ("0001-01-01", "9999-12-31"))
        values = np.where((values >= first) & (values <= last), values, np.datetime64("NaT"))
    return values.astype("M8[us]")


_UNITS = (("D", 1), ("ms", 1), ("us", 1), ("ns", 1))


def _listed(name: str, values: list[Any]) -> pl.Series:
    """Values one by one, as numbers, texts or whatever they have in common; else as text."""
    values = plain_cells(values, name)
    if isinstance(next((value for value in values if value is not None), None), Decimal):
        values = [_plain_value(value) for value in values]
    cells = as_cells(values)
    if isinstance(cells, np.ndarray) and cells.dtype.kind == "c":
        cells = values = cells.tolist()
    try:
        found = pl.Series(name, cells, strict=False)
    except UnicodeEncodeError:
        cells = values = whole(values)
        found = pl.Series(name, cells, strict=False)
    except BaseException as error:
        if not (is_panic(error) or isinstance(error, TypeError | OverflowError | ValueError)):
            raise
        found = pl.Series(name, in_digits(values, name), dtype=pl.String)
    if found.dtype in (pl.String, pl.Object) and any(isinstance(value, list) for value in values[:100]):
        found = pl.Series(name, whole(values), strict=False)  # halves of letters inside lists
    if found.dtype == pl.Object:
        return pl.Series(name, in_digits(values, name), dtype=pl.String)
    lost = found.null_count() > sum(value is None for value in values) and found.dtype != pl.String
    return pl.Series(name, in_digits(values, name), dtype=pl.String) if lost and has_large(values) else found


def _with_order(frame: pl.DataFrame, data: Any) -> pl.DataFrame:
    """Dictionaries of text whose order means something keep it."""
    ordered = {
        str(name): [str(value) for value in _dictionary(column) or []]
        for name, column in zip(data.column_names, data.columns, strict=True)
        if getattr(column.type, "ordered", False) and is_text(frame[str(name)].dtype)
    }
    return frame.with_columns(pl.col(name).cast(pl.Enum(levels)) for name, levels in ordered.items())


def _from_pandas(data: Any) -> pl.DataFrame:
    names = [whole(str(name)) for name in data.columns]
    _require_unique(names)
    return pl.DataFrame([_pandas_series(name, series) for name, (_, series) in zip(names, data.items(), strict=True)])


def _pandas_series(name: str, series: Any) -> pl.Series:
    """A pandas column: through Arrow where it can be shared or converted, else value by value (mixed objects, or a
    pandas without pyarrow).
    """
    dtype = series.dtype
    if hasattr(dtype, "pyarrow_dtype") and is_foreign(dtype.pyarrow_dtype):
        return _listed(name, _arrow_values(series.array.__arrow_array__()))
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return pl.Series(name, np.ascontiguousarray(series.to_numpy()), nan_to_null=True)
    found: Any = None
    if str(dtype) == "object" and holds_objects(series.to_numpy().tolist()):
        values = _pandas_values(series)
        if (plain := plain_cells(values, name)) is not values:
            return _listed(name, plain)
    if dependencies.get_pyarrow() is not None or (isinstance(dtype, np.dtype) and dtype.kind in "mM"):
        try:
            found = pl.from_pandas(series)
        except (TypeError, ValueError, OverflowError, NotImplementedError, pl.exceptions.PolarsError):
            found = None  # Arrow has no type for a mixture; as values below it becomes text
        except BaseException as error:
            if not is_panic(error):
                raise
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
    return [float(value) if isinstance(value, Decimal) else value for value in values.tolist()]


def _to_pandas(frame: pl.DataFrame, like: Any, kept: Sequence[str]) -> Any:
    import pandas as pd

    same = like is not None and len(like) == frame.height
    index = like.index if same else None
    own = {str(name): name for name in like.columns} if same else {}
    taken = own.keys() & set(kept)
    columns = {
        series.name: like[own[series.name]].array if series.name in taken else _to_pandas_values(series)
        for series in frame.get_columns()
    }
    found = pd.DataFrame(columns, index=index, columns=frame.columns)
    if own and all(isinstance(name, int | np.integer) for name in own.values()):
        numbered = {name: int(name) for name in frame.columns if name.isdecimal() and str(int(name)) == name}
        found = found.rename(columns=numbered)
    return found


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
