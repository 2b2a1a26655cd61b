"""Debian's Chromium, headless, drawing WebGL in software; absent, that is a loud skip."""

import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from studio_person import Person
from studio_server import Server, served

from core_vimo.formats import write_motion
from edge_adapter.audio import write_audio
from edge_adapter.sequencer import make_score, render

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install '.[test]'")
exceptions = pytest.importorskip("selenium.common.exceptions")
pytest.importorskip("nicegui", reason="nicegui is not installed: pip install '.[studio]'")

SCREEN = (1280, 720)
"""What the studio must be readable at."""

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
)
_PATIENCE_S = 120  # a loaded machine takes half a minute to open a page


def _program(*names: str) -> str:
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no {names[0]} here; apt-get install chromium chromium-driver")
    return found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = _program("chromium", "chromium-browser", "google-chrome")
    for flag in (*_FLAGS, "--window-size={},{}".format(*SCREEN)):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(_program("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_page_load_timeout(_PATIENCE_S)
    driver.set_script_timeout(_PATIENCE_S)
    size = {"width": SCREEN[0], "height": SCREEN[1], "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield driver
    driver.quit()


@pytest.fixture()
def offline(chromium: Any) -> Iterator[Any]:
    """The browser with its network off."""
    chromium.execute_cdp_cmd("Network.enable", {})
    off = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    chromium.execute_cdp_cmd("Network.emulateNetworkConditions", off)
    yield chromium
    chromium.execute_cdp_cmd(
        "Network.emulateNetworkConditions", off | {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
    )


@pytest.fixture(scope="session")
def console(chromium: Any) -> Callable[[], list[str]]:
    """What pages complained of since it was last asked."""

    def lines() -> list[str]:
        return [line["message"] for line in chromium.get_log("browser") if line["level"] in ("SEVERE", "WARNING")]

    return lines


@pytest.fixture(scope="session")
def wait_for(chromium: Any, console: Callable[[], list[str]]) -> Callable[..., Any]:
    """The value of a JavaScript expression once it is true."""

    def wait(expression: str, seconds: float = _PATIENCE_S) -> Any:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(exceptions.JavascriptException):  # while a page is loaded anew its names aren't there
                if value := chromium.execute_script(f"return {expression}"):
                    return value
            time.sleep(0.1)
        raise AssertionError(f"{expression} did not become true; console: {console()}")

    return wait


@pytest.fixture(scope="session")
def shot(chromium: Any) -> Callable[[str], None]:
    """Keep a picture of the page in `VIMO_SCREENSHOTS`, else in `outputs/screenshots`."""
    folder = Path(os.environ.get("VIMO_SCREENSHOTS", Path(__file__).parents[2] / "outputs" / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)

    def keep(name: str) -> None:
        chromium.save_screenshot(str(folder / f"{name}.png"))

    return keep


@pytest.fixture(scope="session")
def picture(chromium: Any) -> Callable[[str], None]:
    """Take a picture of the README's anew, where `VIMO_PICTURES` names its folder; of few colours, to be small."""
    folder = os.environ.get("VIMO_PICTURES")

    def keep(name: str) -> None:
        if folder:
            taken = Image.open(io.BytesIO(chromium.get_screenshot_as_png())).convert("RGB")
            small = taken.resize((960, 540), Image.Resampling.LANCZOS).quantize(256, dither=Image.Dither.NONE)
            small.save(Path(folder) / f"studio_{name}.png", optimize=True)

    return keep


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    track = render(make_score(3, 16.0, "pop", 120.0), 22050)
    path = tmp_path_factory.mktemp("song") / "my <i>song.wav"
    write_audio(path, track.samples, track.rate)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """On this machine alone, with real workers."""
    yield from served(Server(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="session")
def toy_take(tmp_path_factory, invented_dance):
    path = tmp_path_factory.mktemp("take") / "dance.npz"
    write_motion(invented_dance(120, 5), path)
    return path


@pytest.fixture(scope="module")
def studio(server):
    """(address, data folder) of a studio of its own."""
    return server.address, server.data


@pytest.fixture(scope="module")
def person(chromium, wait_for, studio):
    address, _ = studio
    chromium.get(address)
    return Person(chromium, wait_for)


@pytest.fixture(scope="module")
def project(studio):
    """The one project's folder, once there is one."""
    _, data = studio
    return lambda: next(path for path in (data / "projects").iterdir() if path.is_dir())
