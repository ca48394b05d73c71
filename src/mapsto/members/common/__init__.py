"""Parts shared by members."""
