"""Lints the chart and prints what it installs: `make chart`.

In comes a file of values, if any, out go manifests and notes, as from `helm lint --strict` and
`helm template`; it needs no helm and no cluster. Exits 1 with what Helm found wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path

import helm_python as helm

CHART = Path(__file__).parent / "pgdrift"
NAME = "pgdrift"


def main(files: list[str]) -> int:
    """Lint and render, with the values of a file if one is named; return the exit code."""
    try:
        text = Path(files[0]).read_text(encoding="utf-8") if files else ""
        values = helm.values_from_yaml(text)
        errors = helm.lint(CHART, values, strict=True)["errors"]
        texts = {} if errors else helm.Chart.load(CHART).render(values, name=NAME, namespace=NAME)
    except (OSError, helm.HelmError) as error:
        errors, texts = [str(error)], {}
    sys.stderr.write("".join(f"{error}\n" for error in errors))
    for name, text in texts.items():
        if text.strip():
            mark = "# " if name.endswith(".txt") else ""
            lines = "".join(f"{mark}{line}\n" for line in text.strip().splitlines())
            sys.stdout.write(f"---\n# Source: {name}\n{lines}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
