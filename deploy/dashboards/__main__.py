"""Writes the dashboards as JSON into the chart; with --check says which of them are not current."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.dashboards.environment import environment
from deploy.dashboards.fleet import fleet
from deploy.dashboards.itself import itself

FOLDER = Path(__file__).parents[1] / "helm" / "pgdrift" / "files" / "dashboards"
DASHBOARDS = (fleet, environment, itself)


def written() -> dict[str, str]:
    """Return the text of every dashboard by the name of its file."""
    made = [dashboard() for dashboard in DASHBOARDS]
    texts = (json.dumps(m, cls=JSONEncoder, indent=2, ensure_ascii=False) for m in made)
    return {f"{m.uid}.json": f"{text}\n" for m, text in zip(made, texts, strict=True)}


def main() -> int:
    """Write what is not current, or with --check only name it."""
    texts = written()
    there = {p.name: p.read_text(encoding="utf-8") for p in FOLDER.glob("*.json")}
    stale = sorted(name for name in {*texts, *there} if texts.get(name) != there.get(name))
    if "--check" in sys.argv:
        sys.stdout.write("".join(f"not current: {name}\n" for name in stale))
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale:
        if name in texts:
            (FOLDER / name).write_text(texts[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
