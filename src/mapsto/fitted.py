"""What a fit leaves behind: everything needed to predict, judge again, explain and report, and to be saved.

This is the whole content of a `.mapsto` file. It imports no training code, so that a loaded model predicts at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import polars as pl

from mapsto import modelfile
from mapsto.checked import altered, every_array
from mapsto.columns.common.cells import absent
from mapsto.errors import DataError, ModelFileError, VerbError
from mapsto.facts import read as read_facts
from mapsto.judging.calibration import apply_temperature
from mapsto.judging.conformal import Conformal
from mapsto.judging.strangers import strangers
from mapsto.judging.thresholds import cheapest
from mapsto.judging.verdict import Verdict
from mapsto.judging.verification import Threshold
from mapsto.members.ensemble import Ensemble
from mapsto.metrics import Metric, all_for, get, named
from mapsto.recipe import Recipe
from mapsto.sample import Sample
from mapsto.schema import Encoded, Schema, weights_of
from mapsto.table import Note
from mapsto.table.notes import in_table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mapsto.columns.base import Column

PARTS = {"schema", "members", "judged", "about", "background", "held", "threshold"}
"""What a model file holds, beside its manifest."""
_FARTHEST = 2.0
"""Thresholds lie between 0 and 1, or just outside where one class is never chosen."""
CHUNK = 131_072
"""Rows predicted at once: bounds the memory of a large prediction."""
CELLS = 2**24
"""Rows times classes predicted at once."""
R = TypeVar("R")


class Problems:
    """What cannot be read in rows, found while they are encoded piece by piece."""

    def __init__(self, schema: Schema, frame: pl.DataFrame) -> None:
        self.schema, self.frame = schema, frame
        self._found: dict[str, list[np.ndarray]] = {}

    def add(self, rows: pl.DataFrame, encoded: Encoded, start: int) -> None:
        """Some rows of the frame, the first of which is row `start`, and the same rows encoded."""
        for name, found in self.schema.unread(rows, encoded).items():
            self._found.setdefault(name, []).append(found + start)

    @property
    def _unread(self) -> dict[str, np.ndarray]:
        return {name: np.concatenate(pieces) for name, pieces in self._found.items()}

    def notes(self) -> list[Note]:
        """Cells that cannot be read, by column, rows in which nothing can, and cells that may be meant otherwise."""
        notes = self.schema.unread_notes(self.frame, self._unread)
        rows = np.flatnonzero(self.empty())
        if len(rows):
            text = f"{len(rows)} rows have no input that can be read; their predictions are null, first row {rows[0]}."
            notes.append(Note("warning", text, rows=tuple(rows[:5].tolist()), count=len(rows)))
        return [*notes, *self.schema.remarks(self.frame)]

    def empty(self) -> np.ndarray:
        """Boolean `(rows,)`: rows that have nothing to read at all."""
        frame, inputs, unread = self.frame, self.schema.inputs, self._unread
        found = np.ones(frame.height, dtype=bool)
        for column in inputs:
            nothing = absent(frame[column.name])
            nothing[unread.get(column.name, np.zeros(0, dtype=np.int64))] = True
            found &= nothing
            if not found.any():
                break
        return found


@dataclass
class Fitted:
    """A trained, calibrated, judged ensemble and what it was made from."""

    schema: Schema
    ensemble: Ensemble
    recipe: Recipe
    metrics: dict[str, str]
    """Per target, the name of the metric that decided."""
    temperatures: dict[str, float] = field(default_factory=dict)
    conformal: dict[str, Conformal] = field(default_factory=dict)
    doubts: dict[str, float] = field(default_factory=dict)
    """Entropy that 99 % of the calibrating rows stay below, for each target of classes."""
    thresholds: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    """Per target, the model against baselines; empty where judging was switched off."""
    notes: list[Note] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    threshold: Threshold | None = None
    """What rows of one identity must be alike by; None where the model does not compare rows."""
    background: Sample | None = None
    """Training rows: what "without this column" is replaced by, and where novelty and similar rows look."""
    held: Sample | None = None
    """Rows no member learned from, with the model's predictions: importance, report, later judging."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Figures for report and manifest: rows, split, seconds, fingerprint, versions, curves, summaries."""

    # -- prediction

    def predictions(self, encoded: Encoded, *, threads: int | None = None) -> dict[str, np.ndarray]:
        """Calibrated predictions in the form of each target's task."""
        return self.calibrated(self.ensemble.predict(encoded, threads=threads))

    def calibrated(self, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Predictions of the ensemble at the temperatures found."""
        return {
            target.name: apply_temperature(
                target.task or "regression", found[target.name], self.temperatures.get(target.name, 1.0)
            )
            for target in self.schema.targets
        }

    def predict_frame(
        self, frame: pl.DataFrame, *, threads: int | None = None
    ) -> tuple[dict[str, np.ndarray], list[Note], np.ndarray]:
        """Predictions, what could not be read, and which rows had nothing to read at all."""
        found, notes, empty = self.in_pieces(frame, lambda predictions: predictions, threads=threads)
        joined = (
            found[0] if len(found) == 1 else {name: np.concatenate([one[name] for one in found]) for name in found[0]}
        )
        return joined, notes, empty

    def in_pieces(
        self, frame: pl.DataFrame, use: Callable[[dict[str, np.ndarray]], R], *, threads: int | None = None
    ) -> tuple[list[R], list[Note], np.ndarray]:
        """What `use` makes of the predictions of some rows after others, so many at once that memory is bounded.

        With it what could not be read, and which rows had nothing to read at all.
        """
        self.require_inputs(frame)
        if frame.height == 0:
            message = "there are no rows to predict: the table has a header only"
            raise DataError(message)
        step = min(CHUNK, max(1, CELLS // max(target.out_features for target in self.schema.targets)))
        found: list[R] = []
        problems = Problems(self.schema, frame)
        for start in range(0, frame.height, step):
            rows = frame.slice(start, step) if frame.height > step else frame
            encoded = self.schema.encode(rows)
            problems.add(rows, encoded, start)
            found.append(use(self.predictions(encoded, threads=threads)))
        return found, problems.notes(), problems.empty()

    def decided(self, target: Column, prediction: np.ndarray) -> np.ndarray:
        """What the decision is the largest of, `(rows, classes)`: probabilities, or with costs for more than two
        classes the expected costs turned round (two classes have a threshold instead).
        """
        matrix = self.costs(target)
        if matrix is None or len(target.classes) == 2:
            return prediction
        return np.asarray(-(prediction.astype(np.float64) @ matrix))

    def costs(self, target: Column) -> np.ndarray | None:
        """The cost matrix `[truth, chosen]` of a target, if there is one."""
        matrix = self.facts.get("costs", {}).get(target.name)
        return None if matrix is None else np.asarray(matrix, dtype=np.float64)

    def decode(self, target: Column, prediction: np.ndarray) -> pl.Series:
        """Predictions as values of the user: the cheapest where costs are known, from the threshold on where one is."""
        return target.decode(self.decided(target, prediction), threshold=self.thresholds.get(target.name))

    def intervals(self, target: Column, prediction: np.ndarray, coverage: float) -> list[pl.Series]:
        """`TARGET_low` and `TARGET_high` for numbers, `TARGET_set` for classes, nothing for sets of labels."""
        if target.task == "multilabel":
            if len(self.schema.targets) > 1:
                return []
            message = f"target {target.name!r} is a set of labels, which has no interval; see predict_proba()"
            raise VerbError(message)
        state = self.conformal.get(target.name)
        if state is None:
            message = f"no rows were left to calibrate intervals for {target.name!r}; fit again with valid= above 0"
            raise DataError(message)
        if target.task == "regression":
            low, high = state.interval(prediction, coverage)
            return [pl.Series(f"{target.name}_low", low), pl.Series(f"{target.name}_high", high)]
        inside = state.sets(prediction, coverage)
        classes = pl.Series([str(value) for value in target.classes])
        row, code = np.nonzero(inside)
        lists = (
            pl.DataFrame({"row": row, "value": classes.gather(code)}).group_by("row", maintain_order=True).agg("value")
        )
        rows = pl.DataFrame({"row": np.arange(len(inside))}).join(lists, on="row", how="left", maintain_order="left")
        return [rows["value"].fill_null([]).alias(f"{target.name}_set")]

    def require_inputs(self, frame: pl.DataFrame) -> None:
        """Every input column must be there."""
        absent = [column.name for column in self.schema.inputs if column.name not in frame.columns]
        if absent:
            message = (
                f"the rows lack the input columns {absent}; the model was trained with them. The rows have "
                f"{frame.columns}. Add them (empty cells are fine), or rename yours."
            )
            raise DataError(message)

    # -- judging

    def evaluate(self, frame: pl.DataFrame, by: str | None) -> tuple[dict[str, dict[str, Any]], list[Note]]:
        """Metrics per target on rows with truth, see `Model.evaluate`, and what there is to say about the rows."""
        from mapsto.judging.groups import evaluate_groups

        if absent := [target.name for target in self.schema.targets if target.name not in frame.columns]:
            message = f"the rows lack {absent}; they have {frame.columns}. Scores need the true values."
            raise DataError(message)
        if by is not None and by not in frame.columns:
            near = get_close_matches(by, frame.columns, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"The rows have {frame.columns}."
            message = f"by={by!r} names no column, by which scores could be told apart. {hint}"
            raise DataError(message)
        if not frame.height:
            message = "there are no rows to judge: the table has a header only"
            raise DataError(message)
        weight, numbers = None, np.arange(frame.height)
        if self.weight is not None and self.weight in frame.columns:
            weight = weights_of(frame, self.weight)
            numbers = np.flatnonzero(weight)
            frame, weight = frame[numbers], weight[numbers]
        predictions, notes, _ = self.predict_frame(frame)
        found: dict[str, dict[str, Any]] = {}
        for target in self.schema.targets:
            truth = target.encode_target(frame[target.name])
            if not named(target.task or "regression", truth).any():
                message = f"no row has a known value of {target.name!r} (known: {target.classes[:10] or 'numbers'})"
                raise DataError(message)
            notes += strangers(target, frame[target.name])
            metrics = self.shown_metrics(target)
            if by is None:
                found[target.name] = {m.name: m(truth, predictions[target.name], weight) for m in metrics}
            else:
                found[target.name] = evaluate_groups(truth, predictions[target.name], frame[by], metrics, weight)
        return found, in_table(notes, numbers)

    @property
    def weight(self) -> str | None:
        """Name of the column that weighed the rows of the fit, if one did."""
        found = self.facts.get("weight")
        return found if isinstance(found, str) else None

    def shown_metrics(self, target: Column) -> list[Metric]:
        """Every metric of the target's task, of the decisions that the model makes."""
        task = target.task or "regression"
        matrix = self.costs(target)
        metrics = all_for(task) + ([] if matrix is None else [get("cost", task, costs=matrix)])
        return [self.of_decisions(target, metric) for metric in metrics]

    def of_decisions(self, target: Column, metric: Metric) -> Metric:
        """A metric that chooses, at the threshold or with the costs by which the model decides; others as they are."""
        threshold, matrix = self.thresholds.get(target.name), self.costs(target)
        if threshold is not None:
            return metric.at(threshold)
        return metric if matrix is None else cheapest(metric, matrix)

    # -- persistence

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the `.mapsto` file."""
        modelfile.save(path, *self._state())

    def to_bytes(self) -> bytes:
        """The bytes of the `.mapsto` file."""
        return modelfile.to_bytes(*self._state())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Fitted:
        """Read and check a `.mapsto` file."""
        from pathlib import Path

        if not Path(path).exists():
            message = f"there is no model file {str(path)!r}"
            raise FileNotFoundError(message)
        return cls._from_state(*modelfile.load(path))

    @classmethod
    def from_bytes(cls, data: bytes) -> Fitted:
        """The inverse of `to_bytes`."""
        return cls._from_state(*modelfile.from_bytes(data))

    def _state(self) -> tuple[dict[str, Any], dict[str, modelfile.State]]:
        json, arrays = self.schema.to_state()
        parts: dict[str, modelfile.State] = {"schema": (json, arrays), "members": self.ensemble.to_state()}
        parts["judged"] = (
            {
                "temperatures": self.temperatures,
                "thresholds": self.thresholds,
                "doubts": self.doubts,
                "conformal": {name: one.to_json() for name, one in self.conformal.items()},
                "verdicts": {name: one.to_dict() for name, one in self.verdicts.items()},
            },
            {},
        )
        about = {"notes": [note.to_dict() for note in self.notes], "history": self.history, "facts": self.facts}
        parts["about"] = (about, {})
        parts |= {
            name: sample.to_state()
            for name, sample in (("background", self.background), ("held", self.held))
            if sample is not None
        }
        if self.threshold is not None:
            parts["threshold"] = self.threshold.to_state()
        manifest = {
            "recipe": self.recipe.model_dump(),
            "metrics": self.metrics,
            "keep": self.keep,
            "fingerprint": self.facts.get("fingerprint"),
            "versions": self.facts.get("versions", {}),
        }
        return manifest, parts

    @classmethod
    def _from_state(cls, manifest: dict[str, Any], parts: dict[str, modelfile.State]) -> Fitted:
        try:
            with every_array(parts):
                return cls._read(manifest, parts)
        except ModelFileError:
            raise
        except (KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
            message = f"the model file lacks or garbles an entry ({type(error).__name__}: {error}); it was altered"
            raise ModelFileError(message) from error
        except ValueError as error:
            message = f"the model file holds an impossible value ({error}); it was altered"
            raise ModelFileError(message) from error

    @classmethod
    def _read(cls, manifest: dict[str, Any], parts: dict[str, modelfile.State]) -> Fitted:
        if unknown := sorted(parts.keys() - PARTS):
            raise altered(f"it holds the unknown part {unknown[0]!r}")
        schema = Schema.from_state(*parts["schema"])
        classes = {target.name: len(target.classes) for target in schema.targets}
        judged, about = parts["judged"][0], parts["about"][0]
        history, facts = read_facts(about, classes)
        samples = {name: Sample.from_state(*parts[name], schema) for name in ("background", "held") if name in parts}
        held = samples.get("held")
        if held is not None and not classes.keys() == held.predictions.keys() == held.encoded.truth.keys():
            raise altered("rows held out lack the truth or the prediction of a target")
        return cls(
            schema=schema,
            ensemble=Ensemble.from_state(*parts["members"], schema),
            recipe=Recipe.parse(manifest["recipe"]),
            metrics={name: str(manifest["metrics"][name]) for name in classes},
            temperatures={name: _positive(value) for name, value in _of(classes, judged["temperatures"])},
            conformal={name: _intervals(schema.target(name), one) for name, one in _of(classes, judged["conformal"])},
            thresholds={name: _probability(value) for name, value in _of(classes, judged["thresholds"])},
            doubts=_doubts(judged.get("doubts", {}), schema),
            verdicts={name: Verdict.from_dict(one) for name, one in _of(classes, judged["verdicts"])},
            notes=[Note.from_dict(note) for note in about["notes"]],
            history=history,
            keep=[str(name) for name in manifest["keep"]],
            threshold=Threshold.from_state(*parts["threshold"]) if "threshold" in parts else None,
            background=samples.get("background"),
            held=held,
            facts=facts,
        )


def _doubts(found: dict[str, Any], schema: Schema) -> dict[str, float]:
    classes = {target.name for target in schema.targets if target.task == "classification"}
    entropies = {name: float(value) for name, value in found.items()}
    if not entropies.keys() <= classes or not all(0 <= value < np.inf for value in entropies.values()):
        message = f"entropies {found!r} do not fit the targets of classes {sorted(classes)}; the model file was altered"
        raise ModelFileError(message)
    return entropies


def _of(targets: Collection[str], found: dict[str, Any]) -> list[tuple[str, Any]]:
    """Entries by target, each of a target that there is."""
    if not found.keys() <= set(targets):
        raise altered(f"it tells of the targets {sorted(found)}, and there are {sorted(targets)}")
    return list(found.items())


def _intervals(target: Column, found: dict[str, Any]) -> Conformal:
    state = Conformal.from_json(found)
    if state.task != target.task:
        raise altered(f"the intervals of {target.name!r} are for {state.task}")
    return state


def _positive(value: Any) -> float:
    number = float(value)
    if not 0 < number < np.inf:
        raise altered(f"a temperature of {value!r} is impossible")
    return number


def _probability(value: Any) -> float:
    number = float(value)
    if not abs(number) <= _FARTHEST:
        raise altered(f"a threshold of {value!r} is no probability")
    return number
