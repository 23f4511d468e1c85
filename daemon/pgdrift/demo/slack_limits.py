"""What Slack refuses of a message: the arguments of a call in, its error or nothing out."""

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_MOST_BLOCKS = 50
_MOST_ELEMENTS = 10
_MOST_SECTION = 3000
_MOST_HEADER = 150
_MOST_METADATA = 8000

# Slack documents no limit of the sum; from about here on it was seen to refuse.
_MOST_SUM = 11_000


def problem(given: Json) -> Json | None:
    """Return Slack's error answer for a message that it would not take, or None."""
    blocks = given.get("blocks")
    if isinstance(blocks, str):
        try:
            given["blocks"] = blocks = json.loads(blocks)
        except ValueError:
            return _refuse("invalid_blocks_format")
    if not blocks and not given.get("text"):
        return _refuse("no_text")
    if blocks and not isinstance(blocks, list):
        return _refuse("invalid_blocks_format")
    if wrong := list(_wrong_blocks(blocks or [])):
        return {**_refuse("invalid_blocks"), "errors": wrong}
    if _units(json.dumps(blocks or [], ensure_ascii=False)) > _MOST_SUM:
        return _refuse("msg_blocks_too_long")
    return _wrong_metadata(given.get("metadata"))


def _wrong_metadata(metadata: Any) -> Json | None:
    if metadata is None:
        return None
    shaped = (
        isinstance(metadata, dict)
        and isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload"), dict)
    )
    if not shaped:
        return _refuse("invalid_metadata_format")
    if len(json.dumps(metadata)) > _MOST_METADATA:
        return _refuse("metadata_too_large")
    return None


def _wrong_blocks(blocks: list[Any]) -> Iterator[str]:
    if len(blocks) > _MOST_BLOCKS:
        yield f"no more than {_MOST_BLOCKS} items allowed [json-pointer:/blocks]"
    for index, block in enumerate(blocks):
        where = f"[json-pointer:/blocks/{index}]"
        if not isinstance(block, dict):
            yield f"must be an object {where}"
            continue
        match block.get("type"):
            case "divider":
                pass
            case "header":
                yield from _wrong_text(block.get("text"), _MOST_HEADER, where, ("plain_text",))
            case "section":
                yield from _wrong_text(block.get("text"), _MOST_SECTION, where)
            case "context":
                yield from _wrong_elements(block.get("elements"), where)
            case _:
                yield f"unsupported type: {block.get('type')} {where}"


def _wrong_elements(elements: Any, where: str) -> Iterator[str]:
    if not isinstance(elements, list) or not 1 <= len(elements) <= _MOST_ELEMENTS:
        yield f"must hold 1 to {_MOST_ELEMENTS} elements {where}"
        return
    for element in elements:
        yield from _wrong_text(element, _MOST_SECTION, where)


def _wrong_text(
    text: Any, most: int, where: str, types: tuple[str, ...] = ("plain_text", "mrkdwn")
) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in types:
        yield f"must be a text object of type {' or '.join(types)} {where}"
        return
    allowed = {"type", "text", "emoji" if text["type"] == "plain_text" else "verbatim"}
    if unknown := set(text) - allowed:
        yield f"unknown fields {sorted(unknown)} {where}"
    length = _units(text["text"]) if isinstance(text.get("text"), str) else 0
    if not 1 <= length <= most:
        yield f"must be between 1 and {most} characters {where}"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _refuse(code: str) -> Json:
    return {"ok": False, "error": code}
