"""Rows compared with rows: embeddings, whether two are of one identity, and the nearest of a gallery.

A model learned with `objective="verification"` offers all of it. A model of a single network has an embedding too, what
that network sees before its heads, but no threshold and no gallery.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mapsto.errors import DataError, OptionError, VerbError
from mapsto.fitted import CHUNK, Problems
from mapsto.judging.verification import Pairs, require_pairs, whole_identities
from mapsto.members.embedding import Embedding, unit
from mapsto.members.network import Network
from mapsto.table.groups import codes_of

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.fitted import Fitted
    from mapsto.judging.verification import Threshold
    from mapsto.table import Note

VERBS = ("predict", "evaluate", "embed", "same", "nearest", "explain", "novelty", "report", "save")
"""What a model that compares rows does."""
_CELLS = 1 << 24
"""Similarities held at once."""


def compares(fitted: Fitted) -> bool:
    """Whether the model was learned to compare rows."""
    return fitted.threshold is not None


def embed(fitted: Fitted, frame: pl.DataFrame) -> tuple[np.ndarray, list[Note]]:
    """Unit vectors `(rows, width)` float32, NaN where nothing can be read; and what could not be read.

    Raises:
        VerbError: several members answer together, or one that is no network.
    """
    member = _embedder(fitted)
    fitted.require_inputs(frame)
    problems, found = Problems(fitted.schema, frame), []
    for start in range(0, max(frame.height, 1), CHUNK):
        rows = frame.slice(start, CHUNK)
        encoded = fitted.schema.encode(rows)
        problems.add(rows, encoded, start)
        seen = member.embed(encoded)
        found.append(seen if isinstance(member, Embedding) else unit(seen))
    joined = found[0] if len(found) == 1 else np.concatenate(found)
    joined[problems.empty()] = np.nan
    return joined, problems.notes()


def same(
    fitted: Fitted, one: pl.DataFrame, other: pl.DataFrame, false_accept: float
) -> tuple[pl.DataFrame, list[Note]]:
    """Row by row, `similarity` and whether it is that of one identity (`same`); null where a row cannot be read."""
    threshold = _threshold(fitted, "same").at(false_accept)
    if one.height != other.height:
        message = (
            f"same() compares row with row: the first table has {one.height:,} rows, the second {other.height:,}; "
            "expected as many. For one against many use nearest(rows, gallery=...)"
        )
        raise DataError(message)
    (first, problems), (second, more) = embed(fitted, one), embed(fitted, other)
    similarity = pl.Series("similarity", np.einsum("re,re->r", first, second, dtype=np.float64).clip(-1.0, 1.0))
    known = similarity.fill_nan(None)
    return pl.DataFrame([known, (known > threshold).alias("same")]), [*problems, *more]


def nearest(
    fitted: Fitted, frame: pl.DataFrame, k: int, gallery: pl.DataFrame | None
) -> tuple[pl.DataFrame, list[Note]]:
    """The `k` most similar rows of the gallery for each row that can be read, the most similar first."""
    _threshold(fitted, "nearest")
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        message = f"k={k!r}: expected a whole number of at least 1"
        raise OptionError(message)
    vectors, rows, names = _gallery(fitted, gallery)
    asked, problems = embed(fitted, frame)
    readable = np.flatnonzero(~np.isnan(asked).any(axis=1))
    similarity, place = _most_similar(asked[readable], vectors, min(k, len(vectors)))
    count, each = place.shape
    columns: dict[str, Any] = {
        "row": np.repeat(readable, each),
        "rank": np.tile(np.arange(1, each + 1), count),
        **({} if names is None else {names.name: names.gather(place.ravel())}),
        "similarity": similarity.ravel().astype(np.float64),
        "gallery_row": rows[place.ravel()],
    }
    return pl.DataFrame(columns), problems


def identify(fitted: Fitted, frame: pl.DataFrame) -> tuple[list[pl.Series], list[Note]]:
    """For each row the identity of the most similar training row, and TARGET_similarity: how similar."""
    if frame.height == 0:
        message = "there are no rows to predict: the table has a header only"
        raise DataError(message)
    found, problems = nearest(fitted, frame, 1, None)
    name = _target(fitted).name
    every = pl.DataFrame({"row": np.arange(frame.height)}).join(found, on="row", how="left", maintain_order="left")
    return [every[name], every["similarity"].alias(f"{name}_similarity")], problems


def evaluate(fitted: Fitted, frame: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Figures of all pairs of these rows: equal error rate and the like. Identities may be known or new.

    Of very many rows those of some whole identities are taken, drawn at random.
    """
    name = _target(fitted).name
    if name not in frame.columns:
        message = f"the rows lack {[name]}; they have {frame.columns}. Figures need to know who is who."
        raise DataError(message)
    frame = frame.filter(pl.col(name).is_not_null())
    identity = codes_of(frame[name])
    rows = whole_identities(identity, seed=fitted.recipe.seed)
    vectors, _ = embed(fitted, frame[rows])
    readable = ~np.isnan(vectors).any(axis=1)
    pairs = Pairs.of([(vectors[readable], identity[rows][readable])])
    require_pairs(pairs, "the rows")
    return {name: pairs.figures()}


def _target(fitted: Fitted) -> Column:
    return fitted.schema.targets[0]


def _threshold(fitted: Fitted, verb: str) -> Threshold:
    """What `same` and `nearest` need: a model that was learned to compare rows."""
    if fitted.threshold is None:
        message = (
            f"this model was trained to predict and has no {verb}(); fit with objective='verification' to compare rows"
        )
        raise VerbError(message)
    return fitted.threshold


def _embedder(fitted: Fitted) -> Embedding | Network:
    """The one member that answers, which must be a network."""
    shares = fitted.ensemble.shares()
    used = [m for m, name in zip(fitted.ensemble.members, fitted.ensemble.names, strict=True) if name in shares]
    if len(used) == 1 and isinstance(used[0], Embedding | Network):
        return used[0]
    told = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    message = (
        f"embed() needs a model of a single network, and this one is {told}"
        f"{', averaged over folds' if len(used) == 1 else ''}; fit with objective='verification', or with "
        "network= one name and 1,000 rows or more"
    )
    raise VerbError(message)


def _gallery(fitted: Fitted, given: pl.DataFrame | None) -> tuple[np.ndarray, np.ndarray, pl.Series | None]:
    """Vectors, row numbers and identities: of the training rows, or of the rows given (identities if they tell)."""
    target = _target(fitted)
    if given is None:
        member = _embedder(fitted)
        if not isinstance(member, Embedding):
            message = "the model file lacks its gallery; it was altered"
            raise DataError(message)
        return member.gallery, member.row, pl.Series(target.name, target.classes).gather(member.identity)
    vectors, _ = embed(fitted, given)
    rows = np.flatnonzero(~np.isnan(vectors).any(axis=1))
    if not len(rows):
        message = f"none of the {given.height:,} rows of gallery= can be read; expected some to compare with"
        raise DataError(message)
    names = given[target.name].gather(rows) if target.name in given.columns else None
    return vectors[rows], rows, names


def _most_similar(asked: np.ndarray, vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Similarities and places `(rows, k)` of the most similar vectors, falling; the first of equals first."""
    similarity = np.empty((len(asked), k), dtype=np.float32)
    place = np.empty((len(asked), k), dtype=np.int64)
    step = max(1, _CELLS // len(vectors))
    for start in range(0, len(asked), step):
        every = (asked[start : start + step] @ vectors.T).clip(-1.0, 1.0)
        some = np.sort(np.argpartition(-every, k - 1, axis=1)[:, :k], axis=1)
        near = np.take_along_axis(every, some, axis=1)
        order = np.argsort(-near, axis=1, kind="stable")
        place[start : start + step] = np.take_along_axis(some, order, axis=1)
        similarity[start : start + step] = np.take_along_axis(near, order, axis=1)
    return similarity, place
