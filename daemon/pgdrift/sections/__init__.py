"""Sections of the configuration, each checked by itself; `settings` puts them together."""
