"""Parts shared by column types."""
