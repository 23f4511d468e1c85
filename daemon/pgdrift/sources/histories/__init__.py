"""Migration histories: what the migration tools wrote down in a database, as a table of readers.

A tool is recognised by its table's name and columns, in any schema. To add one, add a row to
`runners` or `frameworks`, and to the preset of the core that leaves its tables out.
"""

from pgdrift.sources.histories.read import NAMES, TOOLS, read_histories
from pgdrift.sources.histories.tool import Tool

__all__ = ["NAMES", "TOOLS", "Tool", "read_histories"]
