"""`GET /docs`: Swagger UI, all of it from here. FastAPI's own page runs a script in the page and loads the rest from elsewhere."""

from functools import cache
from importlib.resources import files
from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

router = APIRouter(prefix="/docs", include_in_schema=False)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Analytics: routes</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="docs/favicon.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null})\n'
_TYPES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}


@router.get("")
async def docs() -> Response:
    """The page."""
    return Response(_PAGE, media_type="text/html")


@router.get("/start.js")
async def start() -> Response:
    """What the page runs."""
    return Response(_START, media_type="text/javascript")


@router.get("/{name}")
def asset(name: Literal["swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"]) -> Response:
    """What the page loads."""
    return Response(_read(name), media_type=_TYPES[name], headers={"cache-control": "public, max-age=86400"})


@cache
def _read(name: str) -> bytes:
    return (files("fastapi_offline") / "static" / name).read_bytes()
