"""What a browser fetches and sends beside the page itself: the body, clips, songs, pictures, exports; uploads.

Everything is named by ids that are looked up in a project of the person who asks; no path comes from a browser.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from core_vimo.errors import InputError
from core_vimo.formats import read_motion
from core_vimo.formats.web import body_bytes, clip_bytes
from stylize.motion_from_video import POSES
from stylize.studio.page.session import Studio
from stylize.studio.page.windows import picture_of
from stylize.studio.project import Project

_BINARY = "application/octet-stream"
_FOR_GOOD = {"cache-control": "private, max-age=31536000, immutable"}
"""Takes never change."""


def add_files(app: FastAPI, studio: Studio) -> None:
    """Add the routes under `/files` and `/upload`."""

    def project_of(request: Request, project: str) -> Project:
        return studio.projects.open(project, studio.access.person(request.cookies))

    @app.exception_handler(InputError)
    async def tell(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status_code=400)

    @app.get("/files/body")
    def body() -> Response:
        return Response(_body(), media_type=_BINARY)

    @app.get("/files/{project}/clips/{take}")
    def clip(request: Request, project: str, take: str) -> Response:
        motion = read_motion(project_of(request, project).take_path(take))
        return Response(clip_bytes(motion), media_type=_BINARY, headers=_FOR_GOOD)

    @app.get("/files/{project}/media/{media}")
    def medium(request: Request, project: str, media: str) -> Response:
        return FileResponse(project_of(request, project).media_path(media))

    @app.get("/files/{project}/films/{take}")
    def film(request: Request, project: str, take: str) -> Response:
        return FileResponse(project_of(request, project).take_path(take, ".mp4"))

    @app.get("/files/{project}/exports/{job}")
    def export(request: Request, project: str, job: str) -> Response:
        found = project_of(request, project)
        path = found.export_path(job)
        return FileResponse(path, filename=f"{_export_name(studio, found, job)}{''.join(path.suffixes[-2:])}")

    @app.get("/files/{project}/poses/{take}")
    def poses(request: Request, project: str, take: str) -> Response:
        """The keypoints that were seen in every frame of the video."""
        found = project_of(request, project)
        return FileResponse(found.take_folder(found.read().take(take).folder) / POSES)

    @app.get("/files/styles/{name}/windows/{window}")
    def window(name: str, window: int) -> Response:
        return FileResponse(picture_of(name, window))

    @app.post("/upload/{project}/{kind}")
    async def upload(request: Request, project: str, kind: Any) -> Response:
        found = project_of(request, project)
        label = unquote(request.headers.get("x-label", ""))
        media = await studio.storage.receive(kind, label, _pieces(request))
        return JSONResponse({"id": found.adopt(media).id})


def _export_name(studio: Studio, project: Project, job: str) -> str:
    """The project's, and the take's as long as it is known: exports of two takes are told apart."""
    content = project.read()
    with suppress(InputError):
        return f"{content.name}, {content.take(studio.queue.job(job).settings['take']).label}"
    return content.name


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    async for piece in request.stream():
        if piece:
            yield piece


@cache
def _body() -> bytes:
    return body_bytes()
