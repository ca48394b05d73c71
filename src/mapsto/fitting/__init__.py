"""From a table to a fitted model: the stages of `mapsto.fit`, in order."""
