"""`/healthz`, `/readyz`, `/metrics`: open to whoever reaches the port.

They hold no names, addresses or secrets; who may reach them is for the network to say (the service listens on loopback unless told
otherwise). Nothing here asks a store: the answers are those of the background checks.
"""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from analytics.api.dependencies import OpenServices
from analytics.api.schemas.health import HealthAnswer, ReadyAnswer
from analytics.telemetry.metrics import EXPOSITION_CONTENT_TYPE

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def healthz() -> HealthAnswer:
    """The process is alive and its event loop turns."""
    return HealthAnswer(status="ok")


@router.get("/readyz", response_model=ReadyAnswer, responses={503: {"model": ReadyAnswer, "description": "Events cannot be accepted."}})
async def readyz(services: OpenServices) -> JSONResponse:
    """Whether events can be accepted: 200 while they can (`ready`, or `degraded` with an engine down), else 503 (`unready`)."""
    answer = ReadyAnswer.model_validate(services.health.health)
    return JSONResponse(answer.model_dump(), 503 if answer.status == "unready" else 200)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}, "description": "Prometheus text format."}})
def metrics(services: OpenServices) -> Response:
    """Everything the service counts, for Prometheus."""
    return Response(services.metrics.render(), media_type=EXPOSITION_CONTENT_TYPE)
