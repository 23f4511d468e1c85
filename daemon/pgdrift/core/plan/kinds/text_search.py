"""Text search: parsers, templates, dictionaries, configurations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgdrift.core.model import Object
from pgdrift.core.plan.sql import leading, listed, text, texts, whole, without_arguments
from pgdrift.core.plan.step import REBUILD, Step, World, Writer

_PARSER = {
    "start": "START",
    "token": "GETTOKEN",
    "end": "END",
    "token_types": "LEXTYPES",
    "headline": "HEADLINE",
}


def _functions(found: Object, words: Mapping[str, str]) -> str:
    parts = ((text(found, n), word) for n, word in words.items())
    return listed(f"{word} = {without_arguments(f)}" for f, word in parts if f)


def _parser(found: Object, _: World) -> Iterator[Step]:
    yield Step(f"CREATE TEXT SEARCH PARSER {whole(found)} ({_functions(found, _PARSER)})")


PARSER = Writer("TEXT SEARCH PARSER", whole, _parser, dict.fromkeys(_PARSER, REBUILD))

_TEMPLATE = {"init": "INIT", "lexize": "LEXIZE"}


def _template(found: Object, _: World) -> Iterator[Step]:
    yield Step(f"CREATE TEXT SEARCH TEMPLATE {whole(found)} ({_functions(found, _TEMPLATE)})")


TEMPLATE = Writer("TEXT SEARCH TEMPLATE", whole, _template, dict.fromkeys(_TEMPLATE, REBUILD))


def _dictionary(found: Object, _: World) -> Iterator[Step]:
    said = listed(
        (f"TEMPLATE = {text(found, 'template')}", *texts(found.attributes.get("options")))
    )
    yield Step(f"CREATE TEXT SEARCH DICTIONARY {whole(found)} ({said})")


def _options(before: Object, after: Object, _: World) -> Iterator[Step]:
    old, new = (_by_name(o) for o in (before, after))
    gone = [name for name in old if name not in new]
    come = [said for name, said in new.items() if old.get(name) != said]
    yield Step(
        f"ALTER TEXT SEARCH DICTIONARY {whole(after)} ({listed([*gone, *come])})", "change options"
    )


def _by_name(found: Object) -> dict[str, str]:
    return {leading(o)[0]: o for o in texts(found.attributes.get("options"))}


DICTIONARY = Writer(
    "TEXT SEARCH DICTIONARY", whole, _dictionary, {"template": REBUILD, "options": _options}
)


def _configuration(found: Object, _: World) -> Iterator[Step]:
    parser = text(found, "parser")
    yield Step(f"CREATE TEXT SEARCH CONFIGURATION {whole(found)} (PARSER = {parser})")
    for token, dictionaries in _mappings(found).items():
        yield _mapping(found, f"ADD MAPPING FOR {token} WITH {dictionaries}")


def _changed(before: Object, after: Object, _: World) -> Iterator[Step]:
    old, new = _mappings(before), _mappings(after)
    for token in old:
        if token not in new:
            yield _mapping(after, f"DROP MAPPING FOR {token}")
    for token, dictionaries in new.items():
        if old.get(token) != dictionaries:
            verb = "ALTER" if token in old else "ADD"
            yield _mapping(after, f"{verb} MAPPING FOR {token} WITH {dictionaries}")


def _mapping(found: Object, change: str) -> Step:
    return Step(f"ALTER TEXT SEARCH CONFIGURATION {whole(found)} {change}", "change mapping")


def _mappings(found: Object) -> dict[str, str]:
    pairs = (_pair(m) for m in texts(found.attributes.get("mappings")))
    return dict(pairs)


def _pair(mapping: str) -> tuple[str, str]:
    token, _, dictionaries = mapping.partition(": ")
    return token, dictionaries


CONFIGURATION = Writer(
    "TEXT SEARCH CONFIGURATION",
    whole,
    _configuration,
    {"parser": REBUILD, "mappings": _changed},
)
