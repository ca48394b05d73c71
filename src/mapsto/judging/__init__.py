"""Judging: how good a model is, how sure that is, and what to do about it. Torch-free, pure functions on arrays."""
