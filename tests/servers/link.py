"""Make the links that npm packages cannot carry: `python link.py FOLDER`.

Each package of PostgreSQL lists them; its own script would make them, but no package's script is
run here.
"""

import json
import sys
from pathlib import Path


def link(package: Path) -> None:
    """Make the links of one package, again or for the first time."""
    for row in json.loads((package / "native" / "pg-symlinks.json").read_text(encoding="utf-8")):
        source, target = package / row["source"], package / row["target"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.symlink_to(source.resolve())


if __name__ == "__main__":
    for manifest in Path(sys.argv[1]).glob("node_modules/*/native/pg-symlinks.json"):
        link(manifest.parents[1])
