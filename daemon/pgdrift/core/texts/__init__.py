"""Texts that servers print of expressions: which of them mean the same, whatever they look like."""
