"""The schema: claims, given types, blocks, state; and that no other room names a column type."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import mapsto
from conftest import shared_data
from mapsto.columns import TYPES, Category, Column, Number, from_state
from mapsto.columns.common.parts import Ragged
from mapsto.errors import DataError, ModelFileError, OptionError
from mapsto.schema import Encoded, Schema

ROWS = 80
DRAW = np.random.default_rng(0)
FRAME = pl.DataFrame(
    {
        "size": DRAW.normal(size=ROWS),
        "kind": DRAW.choice(["a", "b", "c"], ROWS),
        "when": [dt.date(2020, 1, 1) + dt.timedelta(days=3 * i) for i in range(ROWS)],
        "tags": ["|".join(DRAW.choice(["x", "y", "z"], 2, replace=False)) for _ in range(ROWS)],
        "note": [" ".join(DRAW.choice(["all", "is", "well", "that", "ends"], 7)) + f" {i}" for i in range(ROWS)],
        "paid": DRAW.choice(["yes", "no"], ROWS),
        "row": np.arange(ROWS),
        "empty": pl.Series([None] * ROWS, dtype=pl.Int64),
        "stars": DRAW.integers(1, 6, ROWS),
        "price": DRAW.normal(100, 20, ROWS),
    }
)
TARGETS = ["stars", "price"]


@pytest.fixture
def schema() -> Schema:
    made = Schema.claim(FRAME, targets=TARGETS)
    made.learn(FRAME)
    return made


def types_of(columns: list[Column]) -> dict[str, str]:
    return {column.name: column.type for column in columns}


def same(first: Encoded, second: Encoded) -> bool:
    for key, block in first.blocks.items():
        other = second.blocks[key]
        pairs = [(block, other)] if isinstance(block, np.ndarray) else [
            (block.values, other.values), (block.offsets, other.offsets)
        ]  # fmt: skip
        if isinstance(block, Ragged) and block.weights is not None:
            pairs.append((block.weights, other.weights))
        if not all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs):
            return False
    return first.blocks.keys() == second.blocks.keys()


def test_every_column_gets_a_type_and_a_reason(schema: Schema) -> None:
    assert types_of(schema.inputs) == {
        "size": "number", "kind": "category", "when": "date", "tags": "set", "note": "text", "paid": "boolean",
    }  # fmt: skip
    assert types_of(schema.targets) == {"stars": "category", "price": "number"}
    assert types_of(schema.left_out) == {"row": "identifier", "empty": "ignored"}
    assert all(column.reason for column in schema.columns)


@pytest.mark.parametrize("given", ["category", Category, Category(max_size=50), {"type": "category", "max_size": 50}])
def test_a_given_type_wins_in_any_form(given: object) -> None:
    made = Schema.claim(FRAME, targets=["price"], types={"row": given})
    column = next(column for column in made.inputs if column.name == "row")
    assert isinstance(column, Category)
    assert column.reason == "given"


def test_a_given_object_is_not_changed() -> None:
    mine = Category(max_size=7)
    made = Schema.claim(FRAME, targets=["price"], types={"kind": mine, "stars": mine})
    made.learn(FRAME)
    assert mine == Category(max_size=7)
    assert types_of(made.inputs)["stars"] == "category"


def test_given_types_also_rule_targets_and_leaving_out() -> None:
    made = Schema.claim(FRAME, targets=["stars"], types={"stars": Number, "size": "ignored", "note": "identifier"})
    assert made.targets[0].task == "regression"
    assert types_of(made.left_out).keys() >= {"size", "note"}


def test_inputs_may_be_named(schema: Schema) -> None:
    made = Schema.claim(FRAME, targets=["price"], inputs=["size", "kind"])
    assert [column.name for column in made.columns] == ["size", "kind", "price"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"targets": ["prize"]}, "no column 'prize'.*Did you mean 'price'"),
        ({"targets": ["price"], "inputs": ["sizes"]}, "Did you mean 'size'"),
        ({"targets": ["price"], "types": {"knd": "category"}}, "Did you mean 'kind'"),
        ({"targets": ["empty"]}, "no value at all in 80 rows"),
        ({"targets": ["note"]}, "cannot be a target.*category: text that rarely repeats"),
        ({"targets": ["when"]}, "cannot be a target"),
        ({"targets": ["note"], "types": {"note": "text"}}, "given as text, which cannot be predicted; choose from"),
        ({"targets": ["price"], "types": {"kind": Number}}, "'kind' is given as number, but none.*first is '[abc]'"),
    ],
)
def test_wrong_data_says_what_was_seen_and_what_to_do(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Schema.claim(FRAME, **arguments)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("categry", "no column type; expected one of .*'category'"),
        ({"type": "category", "size": 3}, "has the options .*max_size"),
        (3, "no column type"),
    ],
)
def test_a_wrong_type_is_an_option_error(given: object, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Schema.claim(FRAME, targets=["price"], types={"kind": given})


def test_constant_target_is_refused() -> None:
    frame = pl.read_csv(shared_data("hostile", "constant_target.csv"))
    with pytest.raises(DataError, match=r"one value only \(1\)"):
        Schema.claim(frame, targets=["target"])


def test_unreadable_cells_are_left_out() -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0], "s": [{"a": 1}, {"a": 2}], "v": [[b"a"], [b"b"]], "y": [0.0, 1.5]})
    made = Schema.claim(frame, targets=["y"])
    assert types_of(made.left_out) == {"s": "ignored", "v": "ignored"}
    assert "List(Binary)" in made.left_out[1].reason


# -- encoding


def test_blocks_hold_each_column_in_its_place(schema: Schema) -> None:
    encoded = schema.encode(FRAME, truth=True)
    assert encoded.blocks["numbers"].dtype == np.float32
    assert encoded.blocks["codes"].dtype == np.int32
    assert set(encoded.blocks) == {"numbers", "codes", "bag:tags", "bag:note", "words:note"}
    for column in schema.inputs:
        own = Encoded(ROWS, dict(enumerate(column.encode(FRAME[column.name]))))
        assert same(own, Encoded(ROWS, dict(enumerate(schema.arrays(encoded, column)))))
    assert encoded.truth["stars"].dtype == np.int64
    assert "price" not in schema.encode(FRAME.drop("price"), truth=True).truth


def test_rows_are_independent(schema: Schema) -> None:
    encoded = schema.encode(FRAME)
    rows = DRAW.permutation(ROWS)[:30]
    assert same(encoded.take(rows), schema.encode(FRAME[rows]))
    assert same(schema.encode(FRAME.select(sorted(FRAME.columns, reverse=True))), encoded)


def test_removing_one_column_leaves_the_others(schema: Schema) -> None:
    encoded = schema.encode(FRAME)
    before = schema.encode(FRAME)
    for column in schema.inputs:
        changed = schema.with_arrays(encoded, {column.name: column.remove(schema.arrays(encoded, column))})
        missing = FRAME.with_columns(pl.lit(None, dtype=FRAME[column.name].dtype).alias(column.name))
        assert same(changed, schema.encode(missing))
    assert same(encoded, before)


def test_features_are_flat_and_named(schema: Schema) -> None:
    features = schema.features(schema.encode(FRAME))
    assert features.values.shape == (ROWS, len(features.names))
    assert [n for n, c in zip(features.names, features.categorical, strict=True) if c] == ["kind"]


def test_malformed_cells_are_found_by_row(schema: Schema) -> None:
    odd = FRAME.with_columns(
        paid=pl.Series(["maybe", *FRAME["paid"][1:]]), size=pl.Series([*FRAME["size"][:-1], np.inf])
    )
    assert {name: rows.tolist() for name, rows in schema.unread(odd, schema.encode(odd)).items()} == {
        "paid": [0],
        "size": [ROWS - 1],
    }


def test_no_rows(schema: Schema) -> None:
    encoded = schema.encode(FRAME.head(0), truth=True)
    assert encoded.blocks["numbers"].shape[0] == 0
    assert schema.features(encoded).values.shape[0] == 0


# -- persistence


def test_a_saved_schema_encodes_the_same(schema: Schema) -> None:
    json_part, arrays = schema.to_state()
    again = Schema.from_state(json.loads(json.dumps(json_part)), arrays)
    assert types_of(again.columns) == types_of(schema.columns)
    assert same(again.encode(FRAME), schema.encode(FRAME))
    assert again.to_state()[0] == json_part


def test_hostile_schemas_are_refused(schema: Schema) -> None:
    json_part, arrays = schema.to_state()
    spoilt = [
        {},
        {**json_part, "inputs": None},
        {**json_part, "inputs": [7]},
        {**json_part, "inputs": json_part["inputs"] * 2},
        {**json_part, "inputs": json_part["left_out"]},
        {**json_part, "targets": json_part["left_out"]},
        {**json_part, "inputs": [{"type": "evil", "name": "x"}]},
    ]
    for bad in spoilt:
        with pytest.raises(ModelFileError):
            Schema.from_state(bad, arrays)
    with pytest.raises(ModelFileError):
        Schema.from_state(json_part, {})
    with pytest.raises(ModelFileError, match="names the column type None"):
        from_state({}, {})


# -- real tables


@pytest.mark.parametrize(
    ("path", "target", "task", "inputs", "left_out"),
    [
        (("adult", "adult_train.csv.gz"), "income", "classification", 14, 0),
        (("california_housing", "housing.csv.gz"), "median_house_value", "regression", 9, 0),
        (("diamonds", "diamonds.csv.gz"), "price", "regression", 9, 0),
        (("bank_marketing", "bank.csv.gz"), "deposit", "classification", 16, 0),
        (("german_credit", "german_credit.csv"), "credit_risk", "classification", 20, 0),
        (("titanic", "titanic.csv"), "survived", "classification", 14, 0),
        (("movielens_latest_small", "ratings.csv.gz"), "rating", "regression", 3, 0),
        (("hostile", "all_unique_ids.csv"), "target", "classification", 0, 1),
        (("hostile", "all_missing_column.csv"), "target", "classification", 1, 2),
    ],
)
def test_types_of_real_tables(path: tuple[str, ...], target: str, task: str, inputs: int, left_out: int) -> None:
    frame = pl.read_csv(shared_data(*path), infer_schema_length=10_000)
    made = Schema.claim(frame, targets=[target])
    assert (made.targets[0].task, len(made.inputs), len(made.left_out)) == (task, inputs, left_out)


def test_pandas_and_polars_tables_encode_alike() -> None:
    frame = pl.read_csv(shared_data("titanic", "titanic.csv"))
    made = Schema.claim(frame, targets=["survived"])
    made.learn(frame)
    pandas = frame.to_pandas()
    nullable = pandas.convert_dtypes()
    for other in (pandas, nullable):
        assert same(made.encode(pl.from_pandas(other)), made.encode(frame))


# -- the house


def test_no_other_room_names_a_column_type() -> None:
    """Rooms ask a column for its task, parts and abilities, never for its type. The public names are all imported."""
    root = Path(mapsto.__file__).parent
    types = "|".join(kind.type for kind in TYPES)
    classes = "|".join(kind.__name__ for kind in TYPES)
    forbidden = [
        rf"""\.type\s*([=!]=|in|not in)\s*.*["']({types})["']""",
        rf"""["']({types})["']\s*[=!]=.*\.type\b""",
        rf"from mapsto\.columns import .*\b({classes})\b",
        rf"from mapsto\.columns\.({types})\b",
        rf"isinstance\([^)]*\b({classes})\b",
        rf"(?<![\w.\"'])({classes})\(",
    ]
    found = [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for path in sorted(root.rglob("*.py"))
        if path.relative_to(root).parts[0] not in {"columns", "schema.py", "testing.py", "__init__.py"}
        for number, line in enumerate(_code(path), 1)
        if any(re.search(pattern, line) for pattern in forbidden)
    ]
    assert found == []


def _code(path: Path) -> list[str]:
    """Lines of a source file without its docstrings and comments."""
    text = re.sub(r'"""(.|\n)*?"""', lambda match: "\n" * match[0].count("\n"), path.read_text())
    return [line.partition("#")[0] for line in text.splitlines()]


def test_the_schema_needs_neither_torch_nor_scikit_learn() -> None:
    code = "import sys, mapsto.schema; print([m for m in ('torch', 'sklearn', 'scipy', 'pandas') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"
