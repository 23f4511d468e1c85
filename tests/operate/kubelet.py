"""Folders as kubelet mounts a ConfigMap or a Secret: files behind `..data`, swapped all at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree


def mount(folder: Path, files: Mapping[str, str]) -> None:
    """Let the folder hold these files: what was there is another folder, which then goes.

    The steps are those of kubelet: a new folder with a time for its name, a new link to it, and
    that link renamed over the one that leads there.
    """
    folder.mkdir(exist_ok=True, parents=True)
    before = list(folder.glob("..2*"))
    fresh = folder / f"..{datetime.now(UTC):%Y_%m_%d_%H_%M_%S.%f}"
    fresh.mkdir()
    for name, text in files.items():
        (fresh / name).write_text(text, encoding="utf-8")
    link = folder / "..data_tmp"
    link.symlink_to(fresh.name)
    link.replace(folder / "..data")
    for name in files:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    for old in before:
        rmtree(old)
