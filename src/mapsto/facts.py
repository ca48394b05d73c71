"""What a model file says about its model: figures for people, checked when the file is opened.

Nothing here is needed to predict. Report, description and explanations read it without looking twice, so everything
has its type and range here, in one place; an entry that is not described is for a newer mapsto and passed on unread.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mapsto.checked import altered

_LARGE = 2**53
Count = Annotated[int, Field(ge=0, le=_LARGE)]
Real = Annotated[float, Field(allow_inf_nan=False)]
"""A finite number."""
Open = Annotated[float, Field(ge=-1e300, le=1e300)] | None
Seconds = Annotated[float, Field(ge=0, le=1e12)]
Text = Annotated[str, Field(max_length=100_000)]
Pair = Annotated[list[Real], Field(min_length=2, max_length=2)]
Triple = Annotated[list[Annotated[float, Field(allow_inf_nan=True)]], Field(min_length=3, max_length=3)]


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class MemberFact(_Entry):
    """What a member took."""

    name: Text
    fit_seconds: Seconds | None = None
    predict_us: Seconds | None = None


class Summary(_Entry):
    """The distribution of a column; see `Column.summary`."""

    rows: Count = 0
    missing: Count = 0
    unseen: Count = 0
    distinct: Count = 0
    mean: Real | list[Real] = 0.0
    """Of numbers; of the channels of a sequence in files of old."""
    means: list[Real] = []
    deviations: list[Real] = []
    low: Real = 0.0
    high: Real = 0.0
    mean_length: Real = 0.0
    mean_steps: Real = 0.0
    mean_seconds: Real = 0.0
    mean_nodes: Real = 0.0
    mean_frames: Real = 0.0
    brightness: Real = 0.0
    labels_a_row: Real = 0.0
    first: Text = ""
    last: Text = ""
    values: list[Text] = []
    counts: list[Count] = []
    edges: list[Real] = []


class CurveFact(_Entry):
    """Figures at several numbers of rows; see `mapsto.judging.curve`."""

    rows: list[Annotated[int, Field(ge=1, le=_LARGE)]]
    values: list[Annotated[float, Field(allow_inf_nan=True)]]
    expected: Triple | None = None
    gain: Triple | None = None
    sentence: Text = ""


class CalibrationFact(_Entry):
    """Of one target."""

    temperature: Real = 1.0
    rows: Count = 0
    error_before: Real | None = None
    error_after: Real | None = None


class Suspect(_Entry):
    """A label that may be wrong."""

    row: Count
    given: Text
    suggested: Text


class Facts(_Entry):
    """Everything a fit writes into `Fitted.facts`."""

    objective: Text | None = None
    rows: dict[str, Count] = {}
    split: Text = ""
    cut: Text = ""
    """How rows were cut, as the caller said it."""
    weight: Text | None = None
    """The column that weighs rows."""
    out_of_fold: bool = False
    members: list[MemberFact] = []
    kinds: dict[str, Text] = {}
    summaries: dict[str, Summary] = {}
    versions: dict[str, Text | None] = {}
    fingerprint: Text | None = None
    patterns: dict[str, Text] = {}
    seconds: Seconds = 0.0
    curve: CurveFact | dict[str, CurveFact] | None = None
    costs: dict[str, list[list[Real]]] = {}
    judged_on: Text | None = None
    judged_rows: Count = 0
    metrics: dict[str, dict[str, Real | None]] = {}
    intervals: dict[str, dict[str, Pair]] = {}
    calibration: dict[str, CalibrationFact] = {}
    suspects: dict[str, list[Suspect]] = {}


class Validation(_Entry):
    """One validation of a training; see `mapsto.training.history`."""

    name: Text = ""
    elapsed: Seconds = 0.0
    planned: Count | None = None
    epoch: Real = 0
    step: Count = 0
    losses: dict[str, Open] = {}
    figure: Open = None
    rate: Open = None
    seconds: Seconds = 0.0
    best: bool = False
    seen: dict[str, Open] | Open = None
    unseen: dict[str, Open] | Open = None


class _About(BaseModel):
    model_config = ConfigDict(strict=True)

    history: list[Validation]
    facts: Facts


def read(about: dict[str, Any], classes: dict[str, int]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """History and facts of a file that may be hostile.

    Args:
        about: the part of the file.
        classes: how many classes each target has; 0: a number.

    Raises:
        ModelFileError: an entry is missing, of the wrong type, or out of range; the message names it.
    """
    try:
        found = _About.model_validate_json(json.dumps({name: about[name] for name in ("history", "facts")}))
    except ValidationError as error:
        first = error.errors()[0]
        raise altered(f"entry {'.'.join(map(str, first['loc']))!r}: {first['msg']}") from error
    facts = found.facts
    if facts.metrics and not facts.judged_on:
        raise altered("it has figures, but not the rows that they are of")
    for target, matrix in facts.costs.items():
        if {len(matrix), *map(len, matrix)} != {classes.get(target)}:
            raise altered(f"the costs of {target!r} do not fit its {classes.get(target)} classes")
    curves = facts.curve if isinstance(facts.curve, dict) else {"": facts.curve} if facts.curve else {}
    for target, curve in curves.items():
        if len(curve.rows) != len(curve.values) or sorted(curve.rows) != curve.rows:
            raise altered(f"the learning curve of {target!r} has rows that do not fit its figures")
    return about["history"], about["facts"]
