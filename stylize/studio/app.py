"""`vimo studio`: the data folder, the queue, the door and the page, put together and served."""

import importlib.util
import os
import webbrowser
from pathlib import Path

from core_vimo.errors import MissingExtraError

_EXTRA = ("nicegui", "filelock", "platformdirs", "itsdangerous", "pydantic")
_SWEEP_EVERY_S = 3600.0


def serve(port: int = 8080, host: str = "127.0.0.1", browser: bool = True, data: Path | None = None) -> None:
    """Serve the studio until it is interrupted. Raises InputError, MissingExtraError without the extra `studio`.

    data: the folder with everything in it (default: `$VIMO_HOME`, else the platform's).
    """
    absent = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if absent:
        raise MissingExtraError(
            f"the studio needs {', '.join(absent)}, which come with: pip install 'vimo-suite[studio]'"
        )
    from stylize.studio.access import Access, Guard
    from stylize.studio.jobs import JobQueue
    from stylize.studio.project import Projects
    from stylize.studio.storage import Storage

    storage = Storage(data)
    os.environ.setdefault("NICEGUI_STORAGE_PATH", str(storage.root / "pages"))  # read when NiceGUI is imported
    from nicegui import app, ui

    from stylize.studio.files import add_files
    from stylize.studio.page.pages import add_pages
    from stylize.studio.page.session import Studio

    access = Access.on(host, port, storage.secret())
    studio = Studio(storage, Projects(storage), JobQueue(storage), access)
    app.add_middleware(Guard, access=access, most_bytes=storage.limits.largest())
    app.timer(_SWEEP_EVERY_S, storage.sweep)  # the first at once
    app.on_shutdown(studio.queue.close)
    if browser:
        app.on_startup(lambda: webbrowser.open(access.url()))
    add_files(app, studio)
    add_pages(studio)
    print(f"The studio is open at {access.url()}\nIts projects lie in {storage.root}; Ctrl-C closes it.", flush=True)
    ui.run(
        host=host,
        port=port,
        title="vimo studio",
        dark=True,
        show=False,
        reload=False,
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=30.0,  # a busy machine answers late; the page must not lose what it shows for that
        gzip_middleware_factory=None,  # songs are sought by ranges of their own bytes
    )
