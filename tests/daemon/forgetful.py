"""The real command line of a release that does not know one catalog column, nor one kind."""

import sys
from dataclasses import replace

from pgdrift import cli
from pgdrift.core import coverage
from pgdrift.core.catalogs import CATALOGS
from pgdrift.core.kinds import KINDS
from pgdrift.sources import catalog

FORGOTTEN_COLUMN = "pg_policy.polpermissive"
FORGOTTEN_KIND = "policy"


def forget() -> None:
    of, _, column = FORGOTTEN_COLUMN.partition(".")
    vars(coverage)["CATALOGS"] = tuple(
        replace(c, columns=c.columns.replace(f" {column}", "")) if c.name == of else c
        for c in CATALOGS
    )
    kinds = tuple(k for k in KINDS if k.name != FORGOTTEN_KIND)
    for function in (catalog.snapshot, catalog.read_catalog, catalog.read_with_register):
        defaults = function.__kwdefaults__ or {}
        assert defaults["kinds"] is KINDS
        defaults["kinds"] = kinds


if __name__ == "__main__":
    forget()
    cli.main(sys.argv[1:])
