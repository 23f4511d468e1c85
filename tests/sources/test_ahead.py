"""What is fetched ahead comes in order, within bounds, and fails where its source does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from pgdrift.sources.ahead import ahead, cooperate


class _Source:
    """Gives so many numbers, and fails after them if it is told to."""

    def __init__(self, many: int, *, fails: bool = False) -> None:
        self.given = 0
        self.stopped = False
        self._many = many
        self._fails = fails

    async def numbers(self) -> AsyncIterator[int]:
        try:
            for number in range(self._many):
                await asyncio.sleep(0)
                self.given += 1
                yield number
            if self._fails:
                raise LookupError
        finally:
            self.stopped = True


async def _taken(source: _Source, take: Callable[[int], object]) -> None:
    async with ahead(source.numbers(), 1) as coming:
        async for number in coming:
            take(number)


@pytest.mark.parametrize("room", [1, 3])
async def test_the_next_is_fetched_while_one_is_worked_on(room: int) -> None:
    source, taken, ahead_of = _Source(20), [], set()
    async with ahead(source.numbers(), room) as coming:
        async for number in coming:
            taken.append(number)
            await cooperate(iter([None] * 200))
            ahead_of.add(source.given - len(taken))
    assert taken == list(range(20))
    assert max(ahead_of) == room + 1


async def test_what_came_before_a_failure_is_given_before_it_is_raised() -> None:
    taken: list[int] = []
    with pytest.raises(LookupError):
        await _taken(_Source(5, fails=True), taken.append)
    assert taken == list(range(5))


async def test_who_fails_inside_leaves_nobody_fetching() -> None:
    source, before = _Source(5), asyncio.all_tasks()
    with pytest.raises(ZeroDivisionError):
        await _taken(source, lambda number: 1 // number)
    assert asyncio.all_tasks() == before
    assert source.given < 5


async def test_while_nothing_comes_other_work_is_done_to_its_end() -> None:
    done, worked = [], asyncio.Event()

    def work() -> Iterator[None]:
        for number in range(50):
            done.append(number)
            yield
        worked.set()

    async def slow() -> AsyncIterator[str]:
        yield "first"
        await worked.wait()
        yield "second"

    async with ahead(slow(), 1) as coming:
        coming.meanwhile = work()
        assert [one async for one in coming] == ["first", "second"]
    assert done == list(range(50))
