"""Judging a space in which rows are compared: on pairs of rows of identities that nothing learned from.

Every two rows are a pair, genuine if they are of one identity. A threshold on their similarity accepts some impostors
and rejects some genuine pairs; where both shares are equal lies the equal error rate. Pairs share rows, and rows share
identities, so intervals are drawn over whole identities: a pair then counts as often as both its identities were drawn
(Bolle, Ratha and Pankanti, "Error analysis of pattern recognition systems: the subsets bootstrap", CVIU 2004).

A threshold for a stated false-accept rate is a quantile of the similarities of impostors, on identities that neither
taught nor judge. A rate is refused where fewer than `FEWEST_ACCEPTED` of these pairs would lie above its threshold:
nothing can be said about so rare an event.

Shape legend: R rows, E width, P pairs, I identities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from mapsto.checked import inside
from mapsto.errors import DataError, ModelFileError, OptionError
from mapsto.judging.bootstrap import Interval, bounds
from mapsto.judging.verdict import Answer, Contender, Cost, Verdict
from mapsto.judging.wording import sentence

FEWEST_ACCEPTED = 10
"""Impostor pairs of the calibrating identities above a threshold, at least."""
MOST_ROWS = 1500
"""Rows whose pairs are judged: 1.1 million pairs."""
RESAMPLES = 300
STATED = 0.01
"""The false-accept rate at which the true-accept rate is told."""
HIGHER = {"equal_error_rate": False, "pair_auc": True, "true_accept": True, "rank_1": True}
"""The figures, and whether higher is better."""
MEANINGS = {
    "equal_error_rate": "error where as many impostors are accepted as genuine pairs rejected",
    "pair_auc": "chance that a genuine pair is more alike than an impostor pair",
    "true_accept": f"share of genuine pairs accepted where {100 * STATED:g} % of the impostors are",
    "rank_1": "share of rows whose most similar other row is of the same identity",
}
_RANKS = 2048
_FEW_IDENTITIES = 5


@dataclass(frozen=True)
class Pairs:
    """Every two rows of a set (or of several sets, each within itself), the least alike first."""

    similarity: np.ndarray
    """`(P,)`, rising."""
    genuine: np.ndarray
    """bool `(P,)`."""
    first: np.ndarray
    """`(P,)`, place of an identity in `identities`."""
    second: np.ndarray
    identities: int
    hit: np.ndarray
    """float `(I,)`: share of the rows of each identity whose most similar other row is theirs; NaN for single rows."""
    rows: np.ndarray
    """int `(I,)`: rows behind `hit`."""
    size: int
    """Rows that the pairs are made of."""

    @classmethod
    def of(cls, sets: Sequence[tuple[np.ndarray, np.ndarray]]) -> Self:
        """From unit vectors `(R, E)` and identities `(R,)` of each set; no identity may be in two sets."""
        names = np.unique(np.concatenate([identity for _, identity in sets]))
        hits, rows = np.zeros(len(names)), np.zeros(len(names), dtype=np.int64)
        found: list[tuple[np.ndarray, ...]] = []
        for vectors, identity in sets:
            place = np.searchsorted(names, identity)
            cosine = (vectors @ vectors.T).clip(-1.0, 1.0)
            one, other = np.triu_indices(len(place), 1)
            found.append((cosine[one, other], place[one], place[other]))
            np.fill_diagonal(cosine, -np.inf)
            several = np.bincount(place, minlength=len(names))[place] > 1
            right = place[cosine.argmax(axis=1)] == place if len(place) > 1 else np.zeros(len(place), dtype=bool)
            np.add.at(hits, place[several], right[several])
            np.add.at(rows, place[several], 1)
        similarity, first, second = (np.concatenate(each) for each in zip(*found, strict=True))
        order = np.argsort(similarity, kind="stable")
        first, second = first[order], second[order]
        with np.errstate(invalid="ignore"):
            hit = hits / rows
        return cls(
            similarity[order],
            first == second,
            first,
            second,
            len(names),
            hit,
            rows,
            sum(map(len, (one for _, one in sets))),
        )

    @property
    def impostors(self) -> int:
        """Pairs of two identities."""
        return int((~self.genuine).sum())

    def figures(self, drawn: np.ndarray | None = None) -> dict[str, float]:
        """Every figure; `drawn`: how often each identity counts `(I,)`, None: once.

        What a row is most similar to does not change with the draw.
        """
        times = np.ones(self.identities) if drawn is None else drawn
        # Two rows of an identity drawn twice stay one and the same pair, twice; of two identities all are combined.
        weight = np.where(self.genuine, times[self.first], times[self.first] * times[self.second])
        genuine, impostor = np.where(self.genuine, weight, 0.0), np.where(self.genuine, 0.0, weight)
        last = np.append(self.similarity[1:] != self.similarity[:-1], True) if len(weight) else np.zeros(0, dtype=bool)
        rejected, below = np.cumsum(genuine)[last], np.cumsum(impostor)[last]
        counted = times * self.rows
        told = np.nansum(counted * np.nan_to_num(self.hit)) / counted.sum() if counted.sum() else np.nan
        if not len(rejected) or not rejected[-1] or not below[-1]:
            return {"equal_error_rate": np.nan, "pair_auc": np.nan, "true_accept": np.nan, "rank_1": float(told)}
        missed = np.append(0.0, rejected / rejected[-1])
        accepted = np.append(1.0, (below[-1] - below) / below[-1])
        return {
            "equal_error_rate": _crossing(missed, accepted),
            "pair_auc": float(1.0 + np.diff(accepted) @ (missed[1:] + missed[:-1]) / 2),
            "true_accept": float(1.0 - missed[np.argmax(accepted <= STATED)]),
            "rank_1": float(told),
        }


def _crossing(missed: np.ndarray, accepted: np.ndarray) -> float:
    """Where the falling share of impostors accepted meets the rising share of genuine pairs missed, interpolated."""
    after = int(np.argmax(missed >= accepted))
    before = max(after - 1, 0)
    gap, next_gap = accepted[before] - missed[before], missed[after] - accepted[after]
    share = gap / (gap + next_gap) if gap + next_gap > 0 else 0.0
    return float(missed[before] + share * (missed[after] - missed[before]))


@dataclass(frozen=True)
class Threshold:
    """What similarity of two rows must exceed so that a stated share of impostors is accepted."""

    pairs: int
    """Impostor pairs that calibrate."""
    identities: int
    """Held-out identities that they are made of."""
    rank: np.ndarray
    """Rising int64: places among the impostors, 1 for the most similar pair."""
    similarity: np.ndarray
    """Of these places, float32, falling."""

    @classmethod
    def fit(cls, pairs: Pairs) -> Self:
        """From pairs of identities that neither teach nor judge."""
        impostors = pairs.similarity[~pairs.genuine][::-1].astype(np.float32)
        if not len(impostors):
            return cls(0, pairs.identities, np.zeros(0, np.int64), np.zeros(0, np.float32))
        rank = np.unique(np.geomspace(1, len(impostors), _RANKS).astype(np.int64))
        return cls(len(impostors), pairs.identities, rank, impostors[rank - 1])

    def at(self, false_accept: float) -> float:
        """The threshold of a false-accept rate: similarities above it are accepted.

        Raises:
            OptionError: no rate between 0 and 1, or so low that these pairs cannot tell.
        """
        if isinstance(false_accept, bool) or not isinstance(false_accept, int | float) or not 0 < false_accept < 1:
            message = f"false_accept={false_accept!r}: expected a rate between 0 and 1, for example 0.01"
            raise OptionError(message)
        place = int(false_accept * (self.pairs + 1))
        if place < FEWEST_ACCEPTED:
            message = (
                f"false_accept={false_accept:g} cannot be promised: {self.pairs:,} pairs of {self.identities} held-out "
                f"identities calibrate, which support rates from {self.lowest:.2g} up. Fit with more identities for "
                "lower ones."
            )
            raise OptionError(message)
        # Among the places kept the next one up: rather one impostor too few than one too many.
        return float(self.similarity[np.searchsorted(self.rank, place, side="right") - 1])

    @property
    def lowest(self) -> float:
        """The lowest false-accept rate that these pairs support."""
        return FEWEST_ACCEPTED / (self.pairs + 1)

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON and arrays."""
        json = {"pairs": self.pairs, "identities": self.identities}
        return json, {"rank": self.rank, "similarity": self.similarity}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse; the contents may be hostile.

        Raises:
            ModelFileError: ranks do not rise within the pairs, or similarities do not fall.
        """
        pairs, identities = json["pairs"], json["identities"]
        rank = inside(arrays.get("rank"), "rank of the threshold", kinds="int64", shape=(None,), low=1)
        similarity = inside(arrays.get("similarity"), "similarity of the threshold", kinds="float32", shape=rank.shape)
        sound = (
            type(pairs) is int
            and type(identities) is int
            and 0 <= identities < 2**53
            and pairs < 2**53
            and bool((np.diff(rank) > 0).all() and (np.diff(similarity) <= 0).all())
            and (rank[0] == 1 and rank[-1] <= pairs if len(rank) else pairs == 0)
        )
        if not sound:
            message = "the model file's threshold of similarities was altered"
            raise ModelFileError(message)
        return cls(pairs, identities, rank, similarity)


def whole_identities(identity: np.ndarray, most: int = MOST_ROWS, seed: int = 0) -> np.ndarray:
    """Rows of as many whole identities, drawn at random, as have about `most` rows together; rising.

    Two at least; where these have very many rows, some of each.

    >>> whole_identities(np.array([0, 0, 1, 1, 2, 2]), most=4).shape
    (4,)
    """
    if len(identity) <= most:
        return np.arange(len(identity))
    names, codes, sizes = np.unique(identity, return_inverse=True, return_counts=True)
    order = np.random.default_rng([seed, 23]).permutation(len(names))
    taken = order[: max(2, int((np.cumsum(sizes[order]) <= most).sum()))]
    rows = np.flatnonzero(np.isin(codes, taken))
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), 2 * most)).astype(np.int64)]


def require_pairs(pairs: Pairs, what: str) -> None:
    """Both genuine and impostor pairs must be there.

    Raises:
        DataError: they are not; `what` names the rows.
    """
    if not pairs.genuine.any() or pairs.genuine.all():
        kind = "two rows of one identity" if not pairs.genuine.any() else "rows of two identities"
        message = f"{what} hold no {kind}; pairs of both kinds are needed to judge comparisons"
        raise DataError(message)


def judge(
    contenders: dict[str, Pairs], costs: dict[str, Cost], *, target: str, told: str, seed: int = 0
) -> tuple[Verdict, dict[str, float], dict[str, list[float]]]:
    """The verdict by equal error rate, and every figure of the first contender with its interval over identities.

    Args:
        contenders: by name, the model first, then the baseline; pairs of the same rows.
        costs: by name.
        target: name of the target.
        told: what the rows are, in words.
        seed: of the draws.
    """
    names = list(contenders)
    values = {name: pairs.figures() for name, pairs in contenders.items()}
    drawn = {name: _drawn(pairs, seed) for name, pairs in contenders.items()}
    lines = []
    for name in names:
        own = _interval(values[name], drawn[name], "equal_error_rate")
        ahead = values[name]["equal_error_rate"] - values[names[0]]["equal_error_rate"]
        paired = bounds(ahead, drawn[name]["equal_error_rate"] - drawn[names[0]]["equal_error_rate"])
        lines.append(_contender(name, own, paired if name != names[0] else None, costs.get(name, Cost())))
    model = contenders[names[0]]
    answer, reason = _answer(lines, model.identities)
    text = sentence("equal error rate", told, lines[0], lines[1], answer, reason)
    verdict = Verdict(lines, answer, text, model.size, target)
    figures = {name: value for name, value in values[names[0]].items() if np.isfinite(value)}
    intervals = {}
    for figure in figures:
        found = _interval(values[names[0]], drawn[names[0]], figure)
        intervals[figure] = [found.low, found.high]
    return verdict, figures, intervals


def _drawn(pairs: Pairs, seed: int) -> dict[str, np.ndarray]:
    """Every figure on every draw of identities."""
    generator = np.random.default_rng([seed, pairs.identities, 29])
    chosen = generator.integers(0, pairs.identities, size=(RESAMPLES, pairs.identities))
    each = [pairs.figures(np.bincount(one, minlength=pairs.identities).astype(np.float64)) for one in chosen]
    return {figure: np.array([one[figure] for one in each]) for figure in HIGHER}


def _interval(values: dict[str, float], drawn: dict[str, np.ndarray], figure: str) -> Interval:
    return bounds(values[figure], drawn[figure])


def _contender(name: str, own: Interval, ahead: Interval | None, cost: Cost) -> Contender:
    behind = (None, None, None) if ahead is None else tuple(map(_known, (ahead.value, ahead.low, ahead.high)))
    return Contender(
        name, "equal_error_rate", _known(own.value), _known(own.low), _known(own.high), cost.fit_seconds,
        cost.predict_us, cost.note, *behind,
    )  # fmt: skip


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _answer(lines: list[Contender], identities: int) -> tuple[Answer, str]:
    """Against the best baseline: worth it where the whole interval is in favour, not worth it where it is not."""
    low, high = lines[1].ahead_low, lines[1].ahead_high
    if identities < _FEW_IDENTITIES:
        return "undecided", f"fewer than {_FEW_IDENTITIES} identities cannot tell"
    if low is None or high is None:
        return "undecided", "these pairs give no interval"
    if low > 0:
        return "worth it", ""
    return ("not worth it", "") if high <= 0 else ("undecided", "these identities cannot tell them apart")
