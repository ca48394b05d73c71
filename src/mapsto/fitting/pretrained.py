"""Which pretrained encoder reads the texts: they are then cut by its tokenizer as well, before anything is learned."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mapsto.columns.common.cells import as_text, sample
from mapsto.columns.common.subwords import Subwords
from mapsto.columns.common.words import split
from mapsto.errors import OptionError
from mapsto.networks.folders import PREFIX, find, packaged, resolve
from mapsto.table import Note

if TYPE_CHECKING:
    import polars as pl

    from mapsto.fitting.options import Options
    from mapsto.schema import Schema

FEWEST = 100
"""Below so many rows an encoder has to be asked for."""
_SAMPLE = 300
_PIECES_A_WORD = 1.5
"""English falls into fewer pieces of words than this, other languages into more."""
_WORDS = 5
_MOST_WORK = 5e12
_WORK_A_SECOND = 2.5e10
"""Products of weights and pieces that "auto" lets an encoder read: a minute or two on a few cores, or, where time is
given, about a quarter of what such a machine does in it.
"""


def read_as_pretrained(schema: Schema, frame: pl.DataFrame, options: Options) -> None:
    """Let texts be cut by the tokenizer of the encoder that the recipe names, or that "auto" finds worth a try.

    Raises:
        OptionError: the recipe names two encoders of texts.
    """
    given = options.recipe.network
    names = [given] if isinstance(given, str) else given
    resolved = [resolve(name) for name in names]
    sources = [implied["source"] for network, implied in resolved if network == "pretrained-text"]
    if len(sources) > 1:
        message = f"network={given!r} names {len(sources)} pretrained encoders of texts; a model reads texts with one"
        raise OptionError(message)
    for column in _cut_by_tokenizers(schema):
        auto = ("auto" in names or "hybrid" in names) and options.module is None and column.pretrained is None
        source = next(iter(sources), None)
        if auto and source is None:
            named = "hybrid" in names and packaged() is not None and find_spec("transformers") is not None
            source = packaged() if named else _worth_it(frame[column.name], options.recipe.time)
        column.pretrained = source or column.pretrained


def _cut_by_tokenizers(schema: Schema) -> list[Any]:
    """The inputs that have an option `pretrained`."""
    return [column for column in schema.inputs if column.tokenizes]


def encoder_of(schema: Schema) -> tuple[str, Note] | None:
    """The encoder that texts are cut for, as the name of a network, and why it is there."""
    column = next((each for each in _cut_by_tokenizers(schema) if each.pretrained), None)
    if column is None:
        return None
    text = (
        f"The pretrained encoder {column.pretrained!r} is at hand and its tokenizer knows the words of "
        f"{column.name!r}: what it sees in them is learned from beside the rest, and weighed like it."
    )
    return PREFIX + column.pretrained, Note("info", text, column=column.name)


def _worth_it(series: pl.Series, seconds: float | None) -> str | None:
    """The packaged encoder, if it is installed, its language is that of the texts, and reading them all takes no
    longer than a part of the time.
    """
    source = packaged()
    if source is None or len(series) < FEWEST or find_spec("transformers") is None:
        return None
    text = as_text(sample(series, _SAMPLE))
    words = int(split(text).list.len().sum())
    cut = Subwords.learn(source, text, None)
    pieces = len(cut.encode(text).values)
    work = weights(find(source).config) * len(series) * pieces / max(1, len(text))
    own = pieces - 2 * len(text)
    most = _MOST_WORK if seconds is None else _WORK_A_SECOND * seconds
    worth = words >= _WORDS * len(text) and own <= _PIECES_A_WORD * words and work <= most
    return source if worth else None


def weights(config: dict[str, int]) -> float:
    """About how many weights the layers of a transformer have."""
    width = config.get("hidden_size", 768)
    inner = config.get("intermediate_size", 4 * width)
    return float(config.get("num_hidden_layers", 12) * (4 * width * width + 2 * width * inner))
