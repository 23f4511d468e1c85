"""pgdrift: does production's schema still match what we think it is?"""

__version__ = "0.1.0"
