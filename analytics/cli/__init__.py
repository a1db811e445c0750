"""The command analytics."""
