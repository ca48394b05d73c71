"""`mapsto.fit` and `mapsto.resume`: one call from data to a judged model."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapsto.errors import DataError, OptionError, RunError, ours, reason
from mapsto.files import within, write_aside
from mapsto.model import Model
from mapsto.process import verb
from mapsto.training.run import EVENTS, read_events

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mapsto.fitting.options import Options
    from mapsto.training.run import Run

REPORT_SECONDS = 5.0
DATA_COPY = "data.arrow"
"""A frame given from Python is kept under this name in the run folder, so that the run can be resumed without it."""


@verb
@ours
def fit(
    data: Any,
    target: str | int | Sequence[str | int],
    *,
    inputs: Sequence[str | int] | None = None,
    types: Mapping[Any, Any] | None = None,
    network: Any = None,
    objective: str | None = None,
    valid: Any = None,
    test: Any = None,
    split: str | None = None,
    time: str | float | None = None,
    seed: int | None = None,
    device: str | None = None,
    metric: str | Mapping[str, str] | Callable[..., float] | None = None,
    weight: str | int | None = None,
    positive: Any = None,
    costs: Any = None,
    folds: int | None = None,
    keep: Sequence[str | int] | None = None,
    threads: int | None = None,
    progress: Any = "auto",
    recipe: Any = None,
    refit: bool = False,
    sheet: str | int | None = None,
    allow_paths: bool = False,
    output: str | os.PathLike[str] | None = None,
) -> Model:
    """Learn a mapping from columns of a table to other columns, judge it on rows it never saw, and return it.

    Args:
        data: path (CSV, TSV, JSON Lines, Parquet, Arrow, Excel; also .gz, .zip; a folder with train/valid/test files),
            pandas, polars or pyarrow frame, or a dict of arrays. A folder or zip of pictures, sounds, texts or clips is
            a table with a row a file: "image", "audio", "text" or "video", "file" (its name), and "class" (the folder
            it lies in) if it lies in one; "digits/*.wav" is one of the files that match.
        target: the column to predict, or several; one shared network learns them together. "re:([0-9])_" makes a
            column "label" of what the group finds in the names of files; "re:_(?P<speaker>[a-z]+)_" names the column.
        inputs: the columns to learn from; default: all others but those named by `keep`, `weight` and a
            group `split`.
        types: column types by name where the recognised one is not wanted: `{"zip": "category"}` or a column object.
        network: "auto" (default), a name or a list of names (`mapsto networks`), "pretrained:NAME" for an encoder on
            your disk (see docs/inputs.md), or a `torch.nn.Module` of your own
            that maps `(batch, features)` to `(batch, out)`.
        objective: "auto" (default) predicts; "verification" learns from a category, the identity, to compare rows, also
            of identities never seen: `Model.same`, `nearest`, `embed`.
        valid: validation rows: a fraction, a table or path, or "column:value"; default: those of a folder with
            valid files, else 0.1.
        test: test rows, which choose and calibrate nothing: likewise, else 0.2; 0 for none.
        split: "random" (default), "time:COLUMN" (the latest rows are tested) or "group:COLUMN" (no group straddles).
        time: wall time from call to return, in seconds or "10m"; default: until validation stops improving. Members for
            which too little is left are not learned; where enough is left, the longest of several is learned once more,
            from another seed. `model.notes` says which.
        seed: same seed, same recipe, same model (default 0).
        device: "auto" (default), "cpu", "cuda", "mps" or "xpu".
        metric: the figure that decides: a name, `{target: name}`, or a function of (truth, prediction).
        weight: column of row weights.
        positive: the class that sensitivity, specificity, precision and threshold are about; default: the second.
        costs: what wrong classes cost: `{truth: {predicted: cost}}`; the threshold follows from it.
        folds: number of folds whose out-of-fold predictions choose and calibrate; default: five below 1,000 rows, and
            with network="auto" and plain columns below 10,000.
        keep: columns that are carried over into predictions and not learned from.
        threads: processor threads at most (default: all this process may use). Small networks learn on one.
        progress: "auto" (a live line on a terminal), True, False, or a function called with each event.
        recipe: a `Recipe`, a mapping or a YAML file to start from; arguments override its entries.
        refit: after judging, retrain the same recipe on all rows and return that model.
        sheet: of an Excel file, the sheet's name or number (from 1); default: the first that holds a table.
        allow_paths: whether the cells of a table file may name pictures, sounds and clips outside the table's folder.
            By default they may not, since a table from somebody else could name any file of yours; a frame of your
            own may name any file.
        output: folder for events, checkpoints, recipe, report and model; a run in it can be resumed.

    Raises:
        DataError: the data cannot be used as they are; the message says where and what to do.
        OptionError: an argument or recipe entry is wrong.

    Example:
        >>> import mapsto
        >>> from mapsto.demo import DATA
        >>> model = mapsto.fit(DATA, target="credit_risk", network="linear", progress=False)
        >>> model.predict({name: [None] for name in model.columns["column"]})["credit_risk"].to_list()
        [None]
    """
    from mapsto.fitting.options import make_options

    options = make_options(
        target=target, inputs=inputs, types=types, network=network, objective=objective, valid=valid, test=test,
        split=split, time=time, seed=seed, device=device, metric=metric, weight=weight, positive=positive, costs=costs,
        folds=folds, keep=keep, threads=threads, recipe=recipe, refit=refit, sheet=sheet, allow_paths=allow_paths,
        output=None if output is None else Path(output),
    )  # fmt: skip
    return _run(data, options, progress, resume=False)


@verb
@ours
def resume(folder: str | os.PathLike[str], *, progress: Any = "auto", **own: Any) -> Model:
    """Continue a run that was killed or interrupted, to the same weights it would have reached.

    Args:
        folder: what was given as `output=`.
        progress: as for `fit`.
        own: arguments of `fit` that cannot be recorded and were given then: a `network=` module, a `metric=` function,
            `valid=` or `test=` frames.

    Raises:
        RunError: the folder holds no run, the data changed, or something of your own must be given again.
    """
    from mapsto.fitting.options import make_options
    from mapsto.table import is_pattern

    folder = Path(folder)
    if unknown := sorted(own.keys() - {"network", "metric", "valid", "test"}):
        message = f"resume got {unknown}: a run goes on with the options it began with; start a new one to change them"
        raise OptionError(message)
    start = _start_event(folder)
    recorded = start["options"]
    for key, what in (("own_network", "network"), ("own_metric", "metric")):
        if recorded.pop(key) and what not in own:
            message = f"this run used your own {what}; give it again: mapsto.resume({str(folder)!r}, {what}=...)"
            raise RunError(message)
    for key in ("valid", "test"):
        if isinstance(recorded[key], str) and recorded[key].startswith("<") and key not in own:
            message = f"this run got {key}= as a frame; give it again: mapsto.resume({str(folder)!r}, {key}=...)"
            raise RunError(message)
    network = recorded["recipe"]["network"]
    options = make_options(**{"network": network, **recorded, **own, "output": folder})
    own_frame = start["data"] is None
    data = within(folder, DATA_COPY) if own_frame else Path(start["data"])
    if own_frame:  # a frame of the caller's may name any file
        options = replace(options, allow_paths=True)
    if not (data.exists() or is_pattern(data)):
        message = f"the data of this run are gone: {data}. Put them back where they were to resume it."
        raise RunError(message)
    return _run(data, options, progress, resume=True)


def _run(data: Any, options: Options, progress: Any, *, resume: bool) -> Model:
    from mapsto.reporting.progress import Listener, listener
    from mapsto.training.run import Run

    shown = listener(progress)
    try:
        run = Run(options.output, time=options.recipe.time, progress=shown, resume=resume)
    except OSError as error:
        message = f"output={str(options.output)!r} cannot be a run folder: {reason(error)}. Name a folder to be made."
        raise OptionError(message) from error
    try:
        from mapsto.fitting.pipeline import fit as fit_pipeline  # here, so that importing it counts as time used

        if not resume and options.output is not None:
            _record(data, options, run)
        model = Model(fit_pipeline(data, options, run))
        if options.output is not None:
            _write(model, options.output, run.left)
    except (DataError, OptionError):
        if not resume and options.output is not None:
            _forget(options.output)
        raise
    except OSError as error:
        if options.output is None:
            raise
        message = (
            f"the run folder {str(options.output)!r} cannot be written: {reason(error)}. Mend that and resume the run."
        )
        raise RunError(message) from error
    finally:
        run.close()
        if isinstance(shown, Listener):
            shown.close()
    return model


def _forget(folder: Path) -> None:
    """Let the folder be used again: data or options were refused, and nothing was learned."""
    if not (folder / "kept").exists():
        for name in (EVENTS, DATA_COPY):
            (folder / name).unlink(missing_ok=True)


def _record(data: Any, options: Options, run: Run) -> None:
    """What a later process needs to resume, written before anything is learned."""
    path = None
    if isinstance(data, str | os.PathLike):
        from mapsto.table import absolute

        path = absolute(data)
    elif options.output is not None:
        from mapsto.table import read, write

        write(read(data).frame, within(options.output, DATA_COPY))
    run.event("start", data=path, options=options.to_json())


def _write(model: Model, folder: Path, left: float | None) -> None:
    """The files of a finished run; the report's explanations are as long as the time left allows."""
    from mapsto.reporting import write_report

    write_aside(folder / "recipe.yaml", [model.recipe.to_yaml().encode()])
    model.save(folder / "model.mapsto")
    write_report(
        model._fitted,
        folder / "report.html",
        seconds=REPORT_SECONDS if left is None else min(REPORT_SECONDS, 0.5 * left),
    )


def _start_event(folder: Path) -> dict[str, Any]:
    path = within(folder, EVENTS)
    if not path.is_file():
        message = f"{folder} holds no run: there is no {path.name} in it. Name the folder given as output=."
        raise RunError(message)
    start = next((event for event in read_events(path)[0] if event["kind"] == "start"), None)
    if start is None:
        message = f"{path} does not say how its run began; it was killed before it read its data. Start it again."
        raise RunError(message)
    return start
