"""Requests that write take turns; those that read do not wait for them."""

from __future__ import annotations

import asyncio

import pytest

from verbatim_operators.write_turns import WriteTurns


class Application:
    """Counts how many requests are inside at once; a request stays until it is let go."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.let_go = asyncio.Event()

    async def __call__(self, scope, receive, send) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.let_go.wait()
            if scope["path"] == "/broken":
                raise RuntimeError("broken")
        finally:
            self.inside -= 1


async def ask(app: WriteTurns, method: str, path: str = "/") -> None:
    await app({"type": "http", "method": method, "path": path}, None, None)


async def most_at_once(method: str) -> int:
    application = Application()
    app = WriteTurns(application)
    requests = [asyncio.create_task(ask(app, method)) for _ in range(3)]
    await asyncio.sleep(0)
    application.let_go.set()
    await asyncio.gather(*requests)
    return application.most


@pytest.mark.parametrize(("method", "most"), [("POST", 1), ("PATCH", 1), ("DELETE", 1), ("GET", 3), ("HEAD", 3)])
def test_only_one_request_that_writes_is_inside(method: str, most: int) -> None:
    assert asyncio.run(most_at_once(method)) == most


def test_a_request_that_breaks_gives_its_turn_away() -> None:
    async def scenario() -> None:
        application = Application()
        application.let_go.set()
        app = WriteTurns(application)
        with pytest.raises(RuntimeError):
            await ask(app, "POST", "/broken")
        await asyncio.wait_for(ask(app, "POST"), timeout=60)

    asyncio.run(scenario())
