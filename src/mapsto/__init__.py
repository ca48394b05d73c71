"""x ↦ y: learn a mapping from any columns of a table to any other columns, and say how far to trust it."""

__version__ = "0.1.0"
