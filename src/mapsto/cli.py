"""The `mapsto` command: thin, one function each; everything it does is also a call from Python.

Progress and messages go to standard error; `--json` prints one object on standard output. Exit status: 0 done,
1 failed, 2 wrong usage.
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mapsto import flags
from mapsto.errors import MapstoError, OptionError, shown

if TYPE_CHECKING:
    from mapsto.model import Model

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,  # boxes around the help take longer to load than all the rest
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="x ↦ y: learn a mapping from any columns of a table to any other columns, and how far to trust it.",
)

ModelPath = Annotated[Path, typer.Argument(help="A .mapsto file, or a run folder.", metavar="MODEL")]
DataPath = Annotated[
    str,
    typer.Argument(
        help="CSV, TSV, JSON Lines, Parquet, Arrow or Excel file, also zipped; or pictures, sounds, texts or clips: a "
        "folder, a zip, or a pattern in quotes such as 'digits/*.wav'."
    ),
]
NewPath = Annotated[
    str,
    typer.Argument(
        help="A table, folder, zip or pattern as for fit; or one picture, sound, text or clip, where the model reads "
        "one such column and no other."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Sheet = Annotated[str | None, typer.Option(help="Of an Excel file: the sheet, by name or number from 1.")]
AllowPaths = Annotated[
    bool, typer.Option("--allow-paths", help="Let cells name files outside the folder of the table.")
]
Guard = Annotated[
    bool,
    typer.Option(
        "--guard-formulas", help="In CSV, put a quote before cells that begin with = + - @: no spreadsheet runs them."
    ),
]
Keep = Annotated[list[str] | None, typer.Option(help="Column to carry over unchanged; repeatable.")]


def main() -> None:
    """Entry point: turns mapsto's errors into one readable message and an exit status."""
    try:
        app()
    except OptionError as error:
        _fail(error, 2)
    except (MapstoError, OSError) as error:
        _fail(error, 1)
    except KeyboardInterrupt:
        print("mapsto: interrupted", file=sys.stderr)
        raise SystemExit(1) from None


def _fail(error: Exception, status: int) -> None:
    print(f"mapsto: {shown(error)}", file=sys.stderr)
    raise SystemExit(status) from None


def _print_json(found: Any) -> None:
    text = json.dumps(_finite(found), ensure_ascii=False, default=str, allow_nan=False)
    print(re.sub(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", lambda one: f"\\u{ord(one[0]):04x}", text))


def _print_csv(found: Any, *, guard: bool) -> None:
    """On a terminal with what would act there escaped; to a pipe or a file as it is."""
    from mapsto.table import csv_text

    text = csv_text(found, guard=guard)
    sys.stdout.write(shown(text) if sys.stdout.isatty() else text)


def _finite(found: Any) -> Any:
    """JSON knows no NaN: figures that are undefined become null."""
    if isinstance(found, dict):
        return {key: _finite(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [_finite(value) for value in found]
    return None if isinstance(found, float) and not math.isfinite(found) else found


@app.command()
def fit(
    context: typer.Context,
    data: Annotated[
        str | None, typer.Argument(help="The table, folder or 'pattern' to learn from.", metavar="DATA")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", "-t", help="Column to predict, or re:PATTERN for file names; repeatable."),
    ] = None,
    inputs: Annotated[list[str] | None, typer.Option("--input", help="Column to read; default: all others.")] = None,
    types: Annotated[list[str] | None, typer.Option("--type", help="COLUMN=TYPE, for example zip=category.")] = None,
    network: Annotated[list[str] | None, typer.Option(help="auto, one of `mapsto networks`, pretrained:DIR.")] = None,
    objective: Annotated[str | None, typer.Option(help="auto predicts; verification compares rows.")] = None,
    time: Annotated[str | None, typer.Option(help="Wall time from call to return: 90s, 10m, 1h30m.")] = None,
    valid: Annotated[str | None, typer.Option(help="Fraction, file, or COLUMN:VALUE.")] = None,
    test: Annotated[str | None, typer.Option(help="Fraction, file, COLUMN:VALUE, or 0.")] = None,
    split: Annotated[str | None, typer.Option(help="random, time:COLUMN or group:COLUMN.")] = None,
    metric: Annotated[str | None, typer.Option(help="The figure that decides.")] = None,
    weight: Annotated[str | None, typer.Option(help="Column of row weights.")] = None,
    positive: Annotated[str | None, typer.Option(help="The class that counts as positive.")] = None,
    cost: Annotated[
        list[str] | None, typer.Option(help="TRUTH:PREDICTED=COST, for example bad:good=5; repeatable.")
    ] = None,
    keep: Keep = None,
    folds: Annotated[int | None, typer.Option(help="Folds for out-of-fold predictions.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same model.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, mps, xpu.")] = None,
    threads: Annotated[int | None, typer.Option(help="Processor threads at most.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="A recipe.yaml to start from; flags win.")] = None,
    refit: Annotated[bool, typer.Option("--refit", help="Retrain on all rows after judging.")] = False,
    sheet: Sheet = None,
    allow_paths: AllowPaths = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Run folder; default runs/NAME-N.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Continue the run in this folder; needs no data.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
    as_json: Json = False,
) -> None:
    """Learn a model, judge it on unseen rows, save it with a report."""
    import mapsto

    progress = flags.progress(quiet=quiet)
    if resume is not None:
        flags.refuse_beside_resume(context)
        _show_fit(mapsto.resume(resume, progress=progress), resume, as_json)
        return
    if data is None or not target:
        message = "give a table and --target COLUMN: mapsto fit loans.csv --target credit_risk"
        raise OptionError(message)
    folder = output or flags.next_run_folder(data)
    model = mapsto.fit(
        data,
        target=target if len(target) > 1 else target[0],
        inputs=inputs,
        types=dict(flags.pair(entry, "--type") for entry in types or []),
        network=None if not network else network[0] if len(network) == 1 else network,
        objective=objective,
        valid=flags.fraction(valid),
        test=flags.fraction(test),
        split=split,
        time=time,
        seed=seed,
        device=device,
        metric=metric,
        weight=weight,
        positive=positive,
        costs=flags.costs(cost),
        folds=folds,
        keep=keep,
        threads=threads,
        recipe=recipe,
        refit=refit,
        sheet=sheet,
        allow_paths=allow_paths,
        output=folder,
        progress=progress,
    )
    _show_fit(model, folder, as_json)


def _show_fit(model: Model, folder: Path, as_json: bool) -> None:
    if as_json:
        _print_json({**model.to_dict(), "output": str(folder)})
        return
    print(model.describe())
    print(f"\nModel   {folder / 'model.mapsto'}\nReport  {folder / 'report.html'}\nRecipe  {folder / 'recipe.yaml'}")


@app.command()
def predict(
    model: ModelPath,
    data: NewPath,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="csv, parquet, arrow or jsonl file.")] = None,
    keep: Keep = None,
    interval: Annotated[float | None, typer.Option(help="Coverage of intervals or class sets, e.g. 0.9.")] = None,
    proba: Annotated[bool, typer.Option("--proba", help="Class probabilities instead of values.")] = False,
    sheet: Sheet = None,
    allow_paths: AllowPaths = False,
    guard: Guard = False,
    as_json: Json = False,
) -> None:
    """Predict the targets for new rows."""
    from mapsto.table import require_writable, write

    if output is not None:
        require_writable(output)
    if proba and interval is not None:
        message = "--proba and --interval exclude each other: an interval belongs to predicted values"
        raise OptionError(message)
    loaded = _load(model)
    found = loaded.predict_file(
        data, interval=interval, keep=keep or None, proba=proba, sheet=sheet, allow_paths=allow_paths
    )
    for problem in loaded.last_problems:
        print(f"mapsto: {problem.text}", file=sys.stderr)
    if output is not None:
        write(found, output, guard=guard)
        if as_json:
            _print_json({"rows": found.height, "output": str(output)})
        else:
            print(f"{found.height:,} rows written to {output}", file=sys.stderr)
    elif as_json:
        _print_json({"rows": found.height, "predictions": found.to_dicts()})
    else:
        _print_csv(found, guard=guard)


@app.command()
def evaluate(
    model: ModelPath,
    data: DataPath,
    by: Annotated[str | None, typer.Option(help="Column whose groups are scored apart.")] = None,
    sheet: Sheet = None,
    allow_paths: AllowPaths = False,
    as_json: Json = False,
) -> None:
    """Score the model on rows with known targets."""
    loaded = _load(model)
    found = loaded.evaluate(data, by=by, sheet=sheet, allow_paths=allow_paths)
    for problem in loaded.last_problems:
        print(f"mapsto: {problem.text}", file=sys.stderr)
    if as_json:
        _print_json(found)
        return
    for target, scores in found.items():
        print(shown(target))
        for name, value in scores.items():
            told = ", ".join(f"{key} {figure:.4g}" for key, figure in value.items()) if by else f"{value:.6g}"
            print(shown(f"  {'missing' if name is None else name}: {told}"))


@app.command()
def explain(
    model: ModelPath,
    data: NewPath,
    rows: Annotated[int, typer.Option(help="Explain at most the first N rows.", min=1)] = 5,
    inside: Annotated[
        str | None, typer.Option(help="Look into this column's cells: which words, fields of a picture, steps, frames.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="At most this long.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; with --inside also .html, a page to look at.")
    ] = None,
    sheet: Sheet = None,
    allow_paths: AllowPaths = False,
    guard: Guard = False,
    as_json: Json = False,
) -> None:
    """Say what moved each prediction, and how faithful that is."""
    from mapsto.table import require_writable, write

    page = output if output is not None and inside is not None and output.suffix == ".html" else None
    if output is not None and page is None:
        require_writable(output)
    loaded = _load(model)
    found = loaded.explain(
        data, inside=inside, output=page, rows=rows, max_seconds=seconds, sheet=sheet, allow_paths=allow_paths
    )
    if page is not None:
        print(page)
    elif output is not None:
        write(found, output, guard=guard)
    elif as_json:
        _print_json({"explanations": found.to_dicts()})
    elif inside is not None and sys.stdout.isatty():
        _show_coloured(found)
    else:
        _print_csv(found, guard=guard)


def _show_coloured(found: Any) -> None:
    from rich.console import Console

    from mapsto.reporting.terminal import coloured

    for line in coloured(found):
        Console(highlight=False).print(line)


@app.command()
def report(
    model: ModelPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")] = Path("report.html"),
) -> None:
    """Write the self-contained HTML report."""
    _load(model).report(output)
    print(output)


@app.command()
def info(model: ModelPath, as_json: Json = False) -> None:
    """What the model is, how it was judged, and what it needs."""
    loaded = _load(model)
    if as_json:
        _print_json(loaded.to_dict())
    else:
        print(loaded.describe())


@app.command()
def columns(
    data: DataPath,
    target: Annotated[list[str] | None, typer.Option("--target", "-t", help="Column to predict.")] = None,
    sheet: Sheet = None,
    allow_paths: AllowPaths = False,
    as_json: Json = False,
) -> None:
    """Show the type mapsto gives to each column, with the reason."""
    from mapsto.schema import Schema
    from mapsto.table import label_patterns, labelled, read, require_rows

    patterns = label_patterns(target or [])
    table = labelled(read(data, sheet=sheet, allow_paths=allow_paths), patterns)
    require_rows(table.frame)
    aside = [name for name in table.names if name not in patterns]
    inputs = [name for name in table.frame.columns if name not in aside and name not in patterns]
    schema = Schema.claim(table.frame, targets=list(patterns), inputs=inputs, table=table)
    found = [{"column": c.name, "type": c.type, "reason": c.reason} for c in schema.columns]
    found += [{"column": name, "type": "kept", "reason": "says where the row comes from"} for name in aside]
    if as_json:
        _print_json({"columns": found, "notes": [note.to_dict() for note in table.notes]})
        return
    width = max(len(row["column"]) for row in found)
    for row in found:
        print(shown(f"{row['column']:<{width}}  {row['type']:<11} {row['reason']}"))
    for note in table.notes:
        print(f"note: {note.text}", file=sys.stderr)


@app.command()
def networks(
    name: Annotated[str | None, typer.Argument(help="Print the definition of this network.")] = None,
    as_json: Json = False,
) -> None:
    """List networks and members with their evidence, or print one."""
    from mapsto import evidence

    if name is not None:
        from mapsto.networks import describe

        print(describe(name))
        return
    rows = evidence.rows()
    if as_json:
        _print_json({"networks": rows})
        return
    for row in rows:
        print(
            f"{row['name']:<15} {row['kind']:<8} {row['dataset']:<18} {row['metric']} {row['value']:.4g} "
            f"[{row['low']:.4g}, {row['high']:.4g}]  naive {row['naive']:.4g}  {row['seconds']:.0f} s  {row['date']}"
        )


@app.command()
def demo() -> None:
    """Learn which bank clients repay loans, and show what mapsto does."""
    from mapsto.demo import run

    run(Path("runs") / "demo")


def _load(path: Path) -> Model:
    import mapsto

    return mapsto.load(path / "model.mapsto" if path.is_dir() else path)
