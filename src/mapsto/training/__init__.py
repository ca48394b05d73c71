"""Training: a run and its decisions, batches, updates, schedules, the loop, checkpoints, and what went wrong."""
