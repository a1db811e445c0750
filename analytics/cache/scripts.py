"""Lua scripts that run inside Redis, each from the file of its name, sent once and then called by its digest."""

from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any, cast

import redis
import redis.asyncio
from redis.exceptions import NoScriptError


class Script:
    """One script; all that it needs comes as arguments."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._digest = sha1(text.encode(), usedforsecurity=False).hexdigest()

    def run(self, client: redis.Redis, *arguments: str | bytes | float) -> Any:
        """On this thread."""
        try:
            return client.evalsha(self._digest, 0, *cast(tuple[str, ...], arguments))
        except NoScriptError:
            return client.eval(self._text, 0, *cast(tuple[str, ...], arguments))

    async def arun(self, client: redis.asyncio.Redis, *arguments: str | bytes | float) -> Any:
        """On the event loop."""
        try:
            return await cast(Any, client.evalsha(self._digest, 0, *cast(tuple[str, ...], arguments)))
        except NoScriptError:
            return await cast(Any, client.eval(self._text, 0, *cast(tuple[str, ...], arguments)))


@cache
def script(name: str) -> Script:
    """The script in `<name>.lua`."""
    return Script((files("analytics.cache") / f"{name}.lua").read_text("utf-8"))
