"""The keys of advisory locks, against what the tools' own code or tests say."""

from __future__ import annotations

from zlib import crc32

import pytest

from pgdrift.sources.histories import keys
from pgdrift.sources.histories.tool import Place


@pytest.mark.parametrize(
    ("schema", "hashed"),
    [("public", 2125624436), ("app \u00fc\U0001f600", -804079007), ('a"b', 1566947644)],
)
def test_flyways_key_has_javas_hash(schema: str, hashed: int) -> None:
    """As `String.hashCode` of OpenJDK 17 says of the name between quotes."""
    place = Place("shop", schema, "flyway_schema_history")
    assert keys.flyway(place) == (77431708279161 + hashed,)


def test_sqlxs_key_is_of_the_database() -> None:
    assert keys.sqlx(Place("zone", "public", "t")) == (2771974297191923538,)
    assert keys.sqlx(Place("zone_test", "public", "t")) == (1283835657316171598,)


def test_rails_key_is_of_the_database() -> None:
    # zlib's CRC of "123456789" is what every description of CRC-32 names.
    assert keys.rails(Place("123456789", "public", "t")) == (2053462845 * 0xCBF43926,)


def test_golang_migrates_keys_are_of_each_way_it_ever_had() -> None:
    found = keys.golang_migrate(Place("database_name", "schema_name_1", "t"))
    assert found[1:3] == (2453313553, 1764327054)
    # Its command line takes the path of a URL for the database's name.
    path = b"schema_name_1\0t\0/database_name"
    assert found[3] == crc32(path) * 1486364155 % 2**32


def test_atlas_key_is_the_first_kind_of_fnv() -> None:
    assert keys.fnv("") == 0x811C9DC5
    assert keys.fnv("a") == 0x050C5D7E
    assert keys.fnv("foobar") == 0x31F0B262
