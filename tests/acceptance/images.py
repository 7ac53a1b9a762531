"""Takes the pictures of the docs from a running demo: `python -m tests.acceptance.images LINK`.

LINK is the one that `./dev demo` prints to sign in. Begin when the demo has just begun: the first pictures wait for its
alarm, which stands for less than a minute.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"
PATIENCE_MS: Final = 300_000
COLOURS: Final = 128
"""Enough for these pages: a picture is a quarter of its size."""


class DocImage(NamedTuple):
    """A picture: its file, the page, what must be there, and the screen."""

    name: str
    path: str
    seen: str
    width: int = 1440
    height: int = 900
    scale: float = 1
    scheme: str = "light"


SHOWN: Final = (
    DocImage("console", "/?lang=vi", "#needs li"),
    DocImage("console-phone", "/?lang=vi", "#needs li", 390, 844, 2, "dark"),
    DocImage("station", "/stations/st-my-thanh?lang=vi", "canvas"),
)


def main(link: str) -> None:
    """Take all of them."""
    address = link.partition("/enter/")[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        cookies = _cookies(browser, link)
        for image in SHOWN:
            screen = browser.new_context(
                viewport={"width": image.width, "height": image.height}, device_scale_factor=image.scale,
                color_scheme=image.scheme, locale="vi",  # type: ignore[arg-type]
            )  # fmt: skip
            screen.add_cookies(cookies)
            page = screen.new_page()
            page.goto(f"{address}{image.path}")
            _save(page, image)
            screen.close()
        browser.close()


def _cookies(browser: Browser, link: str) -> list[Any]:
    with browser.new_context() as fresh:
        page = fresh.new_page()
        page.goto(link)
        page.wait_for_selector("#needs", state="attached")
        return list(fresh.cookies())


def _save(page: Page, image: DocImage) -> None:
    page.wait_for_selector(image.seen, timeout=PATIENCE_MS)
    page.wait_for_selector("#pill.live")
    page.wait_for_timeout(3000)  # small lines and tiles of the map are drawn when they come
    taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = IMAGES / f"{image.name}.png"
    taken.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(sys.argv[1])
