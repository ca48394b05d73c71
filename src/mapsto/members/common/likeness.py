"""Teaching a network to embed: settings derived from the data, composition, training with an additive margin."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mapsto.composition import MOST_EMBEDDED, Composition, seeded
from mapsto.errors import OptionError
from mapsto.losses import AdditiveMargin
from mapsto.members.common.teaching import Taught
from mapsto.objectives.verification import Verification
from mapsto.training import devices
from mapsto.training.batches import RowSource, to_batch
from mapsto.training.defaults import derive
from mapsto.training.loop import train

if TYPE_CHECKING:
    from torch import nn

    from mapsto.members.base import Work
    from mapsto.members.embedding import EmbeddingSettings
    from mapsto.schema import Encoded


def teach(
    work: Work,
    rows: Encoded,
    architecture: str,
    module: nn.Module | type[nn.Module] | None,
    settings: EmbeddingSettings,
) -> Taught:
    """Train on rows that all have an identity."""
    if not 1 <= settings.width <= MOST_EMBEDDED:
        message = f"recipe entry members.embedding.width={settings.width}: expected 1 to {MOST_EMBEDDED}"
        raise OptionError(message)
    recipe = work.recipe
    learning = derive(recipe.learning, rows.rows, architecture, work.schema.targets)
    name, device = work.label.removesuffix(": ") or architecture, devices.choose(work.device)
    work.run.event("learning", name=name, rows=rows.rows, settings=learning.model_dump())
    composition = Composition.build(
        work.schema,
        architecture if module is None else module,
        rows=rows.rows,
        options=recipe.networks.get(architecture),
        others=recipe.networks,
        encoding=recipe.encoding,
        initialization=learning.initialization,
        embedding=settings.width,
        seed=work.seed,
    ).to(device)
    (target,) = work.schema.targets
    # Codes from 0 of the identities that teach: others of the target are held out.
    teaching, codes = np.unique(rows.truth[target.name], return_inverse=True)
    batch = to_batch(replace(rows, truth={target.name: codes}), work.schema.targets, device)
    source = RowSource(batch, learning.batch_size or rows.rows, work.seed)
    losses = _losses(composition.views, len(teaching), settings, work.seed)
    history = train(
        Verification(composition, source, losses), learning, work.run, name, seed=work.seed, seconds=work.seconds,
        part=work.part,
    )  # fmt: skip
    return Taught(composition, learning, history.rows, None, history.notes)


def _losses(views: int, classes: int, settings: EmbeddingSettings, seed: int) -> list[AdditiveMargin]:
    """One a view, with centres drawn from the seed."""
    with seeded(seed):
        return [AdditiveMargin(classes, settings.width, settings.margin, settings.scale) for _ in range(views)]
