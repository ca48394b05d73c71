"""Parts that several networks share: encoders of inputs, heads, activations, initialisation."""
