"""Lua scripts that run inside Redis, each from the file of its name, sent once and then called by its digest."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any, cast

import redis
import redis.asyncio
from redis.exceptions import NoScriptError

Argument = str | bytes | float


class Script:
    """One script; all that it needs comes as keys and arguments."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._digest = sha1(text.encode(), usedforsecurity=False).hexdigest()

    def run(self, client: redis.Redis, *arguments: Argument, keys: Sequence[str] = ()) -> Any:
        """On this thread."""
        values = cast(tuple[str, ...], (*keys, *arguments))
        try:
            return client.evalsha(self._digest, len(keys), *values)
        except NoScriptError:
            return client.eval(self._text, len(keys), *values)

    async def arun(self, client: redis.asyncio.Redis, *arguments: Argument, keys: Sequence[str] = ()) -> Any:
        """On the event loop."""
        values = cast(tuple[str, ...], (*keys, *arguments))
        try:
            return await cast(Any, client.evalsha(self._digest, len(keys), *values))
        except NoScriptError:
            return await cast(Any, client.eval(self._text, len(keys), *values))


@cache
def script(name: str) -> Script:
    """The script in `<name>.lua`."""
    return Script((files("analytics.cache") / f"{name}.lua").read_text("utf-8"))
