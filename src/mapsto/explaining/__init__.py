"""Explaining: why a model predicts what it does, in the terms of the user's columns, and how far to trust that."""

from mapsto.explaining.attributions import Attributions, attribute, explain
from mapsto.explaining.cell import Map, explain_inside, maps
from mapsto.explaining.dependence import partial_dependence
from mapsto.explaining.importance import importance
from mapsto.explaining.nearness import novelty, similar

__all__ = [
    "Attributions",
    "Map",
    "attribute",
    "explain",
    "explain_inside",
    "importance",
    "maps",
    "novelty",
    "partial_dependence",
    "similar",
]
