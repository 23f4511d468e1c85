"""Procedures."""

from pgdrift.core.kinds.routines import routine

KIND = routine("procedure", "p")
