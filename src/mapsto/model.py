"""The model: what `mapsto.fit` returns, what a `.mapsto` file holds, and everything a person does with it."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mapsto import comparing
from mapsto.errors import DataError, OptionError, VerbError, ours, shown, translated
from mapsto.fitted import Fitted
from mapsto.process import verb
from mapsto.table import FILE, Note, give_back, one_cell, one_row, read, require_opened_below
from mapsto.table import labelled as with_labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mapsto.judging.verdict import Verdict
    from mapsto.recipe import Recipe
    from mapsto.table import Table

VERBS = ("predict", "predict_proba", "evaluate", "explain", "importance", "novelty", "update", "report", "save")


class _Problems(threading.local):
    """What each thread was last told."""

    last: list[Note] = []  # noqa: RUF012 - replaced, never changed


class Model:
    """A learned mapping from the input columns to the target columns.

    Predictions are thread-safe and do not depend on which rows are asked together. Made by `mapsto.fit`,
    `mapsto.load` and `mapsto.resume`.
    """

    def __init__(self, fitted: Fitted) -> None:
        self._fitted = fitted
        self._problems = _Problems()

    @property
    def last_problems(self) -> list[Note]:
        """Cells of the rows last predicted by this thread that could not be read, and rows without a readable input."""
        return self._problems.last

    @last_problems.setter
    def last_problems(self, found: list[Note]) -> None:
        self._problems.last = found

    def __getstate__(self) -> dict[str, Any]:
        return {"_fitted": self._fitted}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["_fitted"])  # type: ignore[misc]

    # -- what it is

    @property
    def columns(self) -> pl.DataFrame:
        """One row a column: name, role, type and the reason for the type."""
        schema = self._fitted.schema
        roles = [("input", schema.inputs), ("target", schema.targets), ("left out", schema.left_out)]
        rows = [(c.name, role, c.type, c.reason) for role, columns in roles for c in columns]
        return pl.DataFrame(rows, schema=["column", "role", "type", "reason"], orient="row")

    @property
    def recipe(self) -> Recipe:
        """Every setting of the fit, derived values filled in; `mapsto.fit(..., recipe=model.recipe)` repeats it."""
        return self._fitted.recipe

    @property
    def verdict(self) -> Verdict | None:
        """The model against baselines on the same held-out rows, for the first target; see `verdicts`.

        None where judging was switched off.
        """
        return next(iter(self._fitted.verdicts.values()), None)

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdict of each target."""
        return self._fitted.verdicts

    @property
    def network(self) -> Any:
        """The trained network as an ordinary `nn.Module` (the first, if the ensemble holds several)."""
        for member in self._fitted.ensemble.members:
            for one in getattr(member, "members", [member]):
                if hasattr(one, "composition"):
                    return one.composition
                if hasattr(one, "compositions"):
                    return one.compositions[0]
        message = "this model holds no network: its ensemble chose other members (see model.verdict)"
        raise OptionError(message)

    @property
    def history(self) -> pl.DataFrame:
        """One row a validation: name of the training, epoch, step, losses by target, figure, rate, seconds, best."""
        return pl.DataFrame(self._fitted.history, infer_schema_length=None)

    @property
    def notes(self) -> list[Note]:
        """What was found in the data and what was done about it."""
        return self._fitted.notes

    def __getattr__(self, name: str) -> Any:
        if name in {"generate", "act", "score", "forecast"}:
            aim, verbs = ("compare rows", comparing.VERBS) if self._compares else ("predict", VERBS)
            message = f"this model was trained to {aim} and has no {name}(); it offers {', '.join(verbs)}"
            raise VerbError(message)
        message = f"a Model has no attribute {name!r}"
        raise AttributeError(message)

    def __repr__(self) -> str:
        fitted = self._fitted
        members = ", ".join(member.name for member in fitted.ensemble.members)
        targets = ", ".join(column.name for column in fitted.schema.targets)
        return shown(f"<mapsto.Model {len(fitted.schema.inputs)} columns ↦ {targets} ({members})>")

    def describe(self) -> str:
        """Column types with reasons, held-out metrics, verdict: what a person wants to see first."""
        from mapsto.reporting.text import describe

        return shown(describe(self._fitted))

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON."""
        from mapsto.reporting.text import summary

        return summary(self._fitted)

    # -- prediction

    @verb
    @ours
    def predict(
        self,
        new: Any,
        *,
        interval: float | None = None,
        keep: list[str] | None = None,
        sheet: str | int | None = None,
        allow_paths: bool = False,
    ) -> Any:
        """Predict the targets of new rows.

        Args:
            new: path, frame (pandas, polars, pyarrow) or dict of arrays with the input columns; others are ignored. A
                single picture, sound, clip or text where the model reads one such column and no other: its path, of a
                picture also the pixels or a Pillow image, of all but a text the bytes of the file.
            interval: coverage, for example 0.9: adds `TARGET_low`, `TARGET_high` for numbers and `TARGET_set` for
                classes.
            keep: columns of `new` carried over unchanged; default: those named by `keep=` in the fit, if present.
            sheet: of an Excel file, the sheet's name or number (from 1); default: the first that holds a table.
            allow_paths: whether cells of a table file may name files outside the table's folder. Verbs without these
                two arguments read the first table, and take a frame of your own for others.

        Returns:
            A frame of the kind given (polars for dicts and paths), one column per target, same row order and count.
            Rows in which no input can be read are null and listed in `last_problems`. A model that compares rows names
            the identity of the most similar row it learned from, and adds `TARGET_similarity`.
        """
        table, kept = self._rows(new, keep, sheet, allow_paths=allow_paths)
        return give_back(self._predict(table, interval, kept), table.kind, like=table.like, kept=kept)

    @verb
    @ours
    def predict_file(
        self,
        path: str,
        *,
        interval: float | None = None,
        keep: list[str] | None = None,
        proba: bool = False,
        sheet: str | int | None = None,
        allow_paths: bool = False,
    ) -> pl.DataFrame:
        """`predict` or `predict_proba` of a file, as a polars frame."""
        table, kept = self._rows(path, keep, sheet, allow_paths=allow_paths)
        return _beside(table, kept, self._proba(table)) if proba else self._predict(table, interval, kept)

    @verb
    @ours
    def predict_proba(self, new: Any, *, sheet: str | int | None = None, allow_paths: bool = False) -> Any:
        """Probabilities of the classes or labels of new rows.

        Columns are named after the class values for one target, `TARGET=CLASS` for several. Raises `VerbError` if no
        target has classes.
        """
        table, _ = self._rows(new, None, sheet, allow_paths=allow_paths)
        return give_back(self._proba(table), table.kind, like=table.like)

    def _predict(self, table: Table, interval: float | None, kept: list[str]) -> pl.DataFrame:
        fitted = self._fitted
        if self._compares:
            self._refuse(interval is not None, "intervals", "nearest() tells how similar rows are")
            identified, problems = comparing.identify(fitted, table.frame)
            self.last_problems = [*table.notes, *problems]
            return _beside(table, kept, pl.DataFrame(identified))
        if interval is not None and not 0 < interval < 1:
            message = f"interval={interval!r}: expected a coverage between 0 and 1, for example 0.9"
            raise OptionError(message)
        answers, problems, empty = fitted.in_pieces(table.frame, lambda found: self._answers(found, interval))
        self.last_problems = [*table.notes, *problems]
        whole = answers[0] if len(answers) == 1 else pl.concat(answers)
        return _beside(table, kept, pl.DataFrame([_null_where(one, empty) for one in whole]))

    def _answers(self, predictions: dict[str, np.ndarray], interval: float | None) -> pl.DataFrame:
        """Values of the targets, with intervals where they are asked for."""
        found = []
        for target in self._fitted.schema.targets:
            prediction = predictions[target.name]
            found.append(self._fitted.decode(target, prediction))
            if interval is not None:
                found += self._fitted.intervals(target, prediction, interval)
        return pl.DataFrame(found)

    def _proba(self, table: Table) -> pl.DataFrame:
        self._refuse(self._compares, "predict_proba", "similarities are no probabilities: see same() and nearest()")
        with_classes = [t for t in self._fitted.schema.targets if t.classes]
        if not with_classes:
            message = "predict_proba needs a target with classes; use predict(interval=0.9) for the spread of a number"
            raise VerbError(message)
        predictions, empty = self._predictions(table)
        found = []
        for target in with_classes:
            for position, value in enumerate(target.classes):
                name = str(value) if len(self._fitted.schema.targets) == 1 else f"{target.name}={value}"
                series = pl.Series(name, predictions[target.name][:, position].astype(np.float64))
                found.append(_null_where(series, empty))
        return pl.DataFrame(found)

    def _predictions(self, table: Table) -> tuple[dict[str, np.ndarray], np.ndarray]:
        predictions, problems, empty = self._fitted.predict_frame(table.frame)
        self.last_problems = [*table.notes, *problems]
        return predictions, empty

    def _rows(
        self,
        new: Any,
        keep: list[str] | None = None,
        sheet: str | int | None = None,
        *,
        allow_paths: bool = False,
    ) -> tuple[Table, list[str]]:
        """New rows, and the columns that are carried over; a picture, sound, clip or text is one row, where the model
        reads nothing else.
        """
        wanted = self._fitted.keep if keep is None else [str(name) for name in keep]
        inputs = {column.name: column.type for column in self._fitted.schema.inputs}
        single = one_row(new, inputs) if isinstance(new, str | os.PathLike) else one_cell(new, inputs)
        table = single or self._read(new, kept=wanted, sheet=sheet, allow_paths=allow_paths)
        return table, [n for n in wanted if n in table.frame.columns] if keep is None else self._kept(table, wanted)

    def _read(
        self,
        data: Any,
        *,
        align: bool = True,
        kept: Sequence[str] = (),
        sheet: str | int | None = None,
        allow_paths: bool = False,
    ) -> Table:
        """A table, its cells read as those of the rows learned from, its columns called alike."""
        schema = self._fitted.schema
        spelled, files = schema.spelled(kept), schema.files
        table = read(data, sheet=sheet, align=align, allow_paths=allow_paths, spelled=spelled, files=files)
        table = table.named_like([*(column.name for column in schema.columns), *kept])
        require_opened_below(table, files)
        return table

    def _kept(self, table: Table, keep: list[str]) -> list[str]:
        for name in keep:
            if name not in table.frame.columns:
                message = f"keep={name!r}: no such column; the rows given have {table.frame.columns}"
                raise DataError(message)
            if name in {target.name for target in self._fitted.schema.targets}:
                message = f"keep={name!r} is a target, and predictions have a column of this name; rename one of them"
                raise OptionError(message)
        return keep

    # -- comparing rows

    @property
    def _compares(self) -> bool:
        return comparing.compares(self._fitted)

    def _refuse(self, unfit: bool, what: str, instead: str) -> None:  # noqa: FBT001 - a condition is what it is about
        """Raise if this is asked of a model that compares rows."""
        if unfit:
            message = (
                f"this model was trained to compare rows (objective='verification') and has no {what}: {instead}. It "
                f"offers {', '.join(comparing.VERBS)}"
            )
            raise VerbError(message)

    @verb
    @ours
    def embed(self, rows: Any) -> np.ndarray:
        """Rows as points on the unit sphere, float32 `(rows, width)`: their products are cosines.

        With `objective="verification"` cosines say how alike rows are. A model of a single network gives what it sees
        before its heads. NaN for rows in which nothing can be read.

        Raises:
            VerbError: several members answer together.
        """
        table = self._read(rows)
        found, problems = comparing.embed(self._fitted, table.frame)
        self.last_problems = [*table.notes, *problems]
        return found

    @verb
    @ours
    def same(self, a: Any, b: Any, *, false_accept: float = 0.01) -> Any:
        """Whether row i of `a` and row i of `b` are of one identity: `similarity` (their cosine) and `same`.

        Args:
            a: path, frame or dict of arrays with the input columns.
            b: likewise, with as many rows.
            false_accept: share of the pairs of two identities that are taken for one. The threshold comes from pairs of
                identities that did not teach (`model.notes` says how many). At least ten of them must lie above it, so
                10,000 pairs support rates from 0.001 up; lower ones are refused.

        Returns:
            A frame of the kind of `a`; null where a row cannot be read.

        Raises:
            VerbError: the model was not learned with `objective="verification"`.
            OptionError: a rate that the calibrating pairs cannot support.
            DataError: `a` and `b` differ in length.
        """
        one, other = self._read(a), self._read(b)
        found, problems = comparing.same(self._fitted, one.frame, other.frame, false_accept)
        self.last_problems = [*one.notes, *other.notes, *problems]
        return give_back(found, one.kind)

    @verb
    @ours
    def nearest(self, rows: Any, k: int = 5, *, gallery: Any = None) -> Any:
        """The `k` most similar rows of the gallery for each row: `row`, `rank`, TARGET, `similarity`, `gallery_row`.

        Args:
            rows: path, frame or dict of arrays with the input columns; rows that cannot be read have no line.
            k: how many.
            gallery: rows to compare with; if they hold the target it is told. Default: the rows learned from, and
                `gallery_row` then counts the rows of that table.

        Raises:
            VerbError: the model was not learned with `objective="verification"`.
        """
        table, other = self._read(rows), None if gallery is None else self._read(gallery)
        found, problems = comparing.nearest(self._fitted, table.frame, k, None if other is None else other.frame)
        self.last_problems = [*table.notes, *problems]
        return give_back(found, table.kind)

    # -- judging

    @verb
    @ours
    def evaluate(
        self, labelled: Any, *, by: str | int | None = None, sheet: str | int | None = None, allow_paths: bool = False
    ) -> dict[str, dict[str, Any]]:
        """Metrics on rows with known targets: `{target: {metric: value}}`, natural sign.

        With `by`, per group of that column: `{target: {group: {metric: value}}}`, and "rows" counts its rows.

        Rows count by the weight column of the fit where they have it.

        A class or label that no row the model learned from had counts as wrong in every figure: it is taken for the one
        that was given least. Such truths are named in `last_problems`, as is what could not be read.

        Of a model that compares rows: figures of all pairs of the rows, whose identities may be known or new.
        """
        by = None if by is None else str(by)
        if self._compares:
            self._refuse(by is not None, "evaluate(by=)", "pairs have no group; evaluate the rows of each group")
            table = self._with_targets(labelled, sheet, allow_paths=allow_paths)
            return comparing.evaluate(self._fitted, table.frame)
        table = self._with_targets(labelled, sheet, allow_paths=allow_paths)
        found, problems = self._fitted.evaluate(table.frame, by)
        self.last_problems = [*table.notes, *problems]
        return found

    def _with_targets(self, data: Any, sheet: str | int | None = None, *, allow_paths: bool = False) -> Table:
        """Rows with their targets, of which some may be found in the names of files, as they were in the fit."""
        table = self._read(data, align=False, sheet=sheet, allow_paths=allow_paths)
        patterns = self._fitted.facts.get("patterns", {})
        absent = {name: pattern for name, pattern in patterns.items() if name not in table.frame.columns}
        return with_labels(table, absent) if FILE in table.names else table

    # -- explaining

    @verb
    @ours
    def explain(
        self,
        new: Any,
        *,
        inside: str | None = None,
        output: str | os.PathLike[str] | None = None,
        rows: int | None = None,
        max_seconds: float | None = None,
        sheet: str | int | None = None,
        allow_paths: bool = False,
    ) -> Any:
        """Which columns moved each prediction; with `inside`, which pieces of that column's cells.

        Returns a frame with a row per row and column: `row`, `column`, `value`, `attribution` (in the target's units;
        probability of the predicted class for classes), `faithfulness` (above 1: removing the top columns moves the
        prediction more than removing random ones). With several targets also `target`. `rows=5` explains the first
        five. At most `max_seconds`: when time runs out, fewer samples are drawn.

        `inside="review"` looks into the cells of a column of texts, pictures, sounds, sequences, trees or clips: a row
        per row and piece (a word, a field, some steps or frames), where it lies, its `attribution`, and how much better
        than random orders the pieces are put in order: `deletion` and `insertion`, above 0 is better. Attributions of a
        row add up to the difference that the cell makes against a blanked one. `output="maps.html"` also writes a page
        that shows them: coloured words, overlays on pictures and spectrograms, steps, trees, frames.
        """
        from mapsto.explaining import explain, explain_inside

        if rows is not None and rows < 1:
            message = f"rows={rows!r}: expected a number of rows to explain, 1 or more, or None for all"
            raise OptionError(message)
        table, _ = self._rows(new, None, sheet, allow_paths=allow_paths)
        frame = table.frame if rows is None else table.frame.head(rows)
        if inside is not None:
            found, maps = explain_inside(self._fitted, frame, inside, max_seconds)
            if output is not None:
                from mapsto.reporting import write_maps

                write_maps(self._fitted, maps, output)
            return give_back(found, table.kind)
        if output is not None:
            message = f"output={str(output)!r} is for a page of what is inside cells: name their column, inside=COLUMN"
            raise OptionError(message)
        return give_back(explain(self._fitted, frame, max_seconds), table.kind, like=table.like)

    @verb
    @ours
    def importance(self, *, max_seconds: float | None = None) -> pl.DataFrame:
        """Permutation importance on held-out rows: column, target, loss of the deciding metric, low, high."""
        self._refuse(self._compares, "importance", "explain() tells which columns name an identity")
        from mapsto.explaining import importance

        return importance(self._fitted, max_seconds)

    @verb
    @ours
    def novelty(self, new: Any) -> Any:
        """How far outside the training data each row lies: 0 in the thick of it, above 1 farther than 99 % of them."""
        from mapsto.explaining import novelty

        table, _ = self._rows(new)
        found = pl.DataFrame({"novelty": novelty(self._fitted, table.frame)})
        return give_back(found, table.kind, like=table.like)

    @verb
    @ours
    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write the self-contained HTML report; returns its path."""
        from mapsto.reporting import write_report

        return write_report(self._fitted, path)

    # -- life

    @verb
    @ours
    def update(self, more: Any, *, time: str | float | None = None, progress: Any = "auto") -> Model:
        """A new model learned from the old rows' recipe and `more` rows; this one is unchanged.

        The columns keep what they learned; each member goes on from its weights or is grown anew.
        """
        self._refuse(self._compares, "update", "new identities need no learning: give them to nearest(gallery=)")
        from mapsto.fitting.update import update

        return Model(update(self._fitted, self._with_targets(more), time=time, progress=progress))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one `.mapsto` file."""
        with translated(f"cannot write {str(path)!r}", OptionError):
            self._fitted.save(path)

    def to_bytes(self) -> bytes:
        """The bytes of the `.mapsto` file."""
        return self._fitted.to_bytes()


@verb
@ours
def load(path: str | os.PathLike[str]) -> Model:
    """Open a `.mapsto` file. Safe with a stranger's file: nothing in it is run, everything is checked."""
    return Model(Fitted.load(path))


def _beside(table: Table, kept: list[str], found: pl.DataFrame) -> pl.DataFrame:
    """Kept columns, as they stood, and answers."""
    for name in kept:
        if name in found.columns:
            message = (
                f"keep={name!r}: the answers have a column of this name too. Rename it in the rows, or leave it out: "
                f"keep={[other for other in kept if other != name]}"
            )
            raise OptionError(message)
    return pl.DataFrame([*(table.kept(name) for name in kept), *found.get_columns()])


def _null_where(series: pl.Series, empty: np.ndarray) -> pl.Series:
    if not empty.any():
        return series
    keep = pl.Series(~empty)
    return pl.select(pl.when(keep).then(pl.lit(series)).otherwise(None).alias(series.name)).to_series()
