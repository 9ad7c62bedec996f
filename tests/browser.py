"""Pages in a real browser: Debian's chromium, driven by selenium, with nothing of anybody's own in it."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

NEEDED = ("chromium", "chromedriver")
#: Why tests of a page are skipped; empty where they can be run.
MISSING = "" if all(map(shutil.which, NEEDED)) else "Debian's chromium and chromium-driver are not installed"

_PAGES = re.compile(rb"/Type\s*/Page\b(?!s)")
#: Words that can be seen without opening a fold; those in drawings do not count.
_WORDS = """
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let words = 0;
while (texts.nextNode()) {
  const at = texts.currentNode.parentElement;
  if (at.closest("svg, script, style") || !at.checkVisibility({contentVisibilityAuto: true})) continue;
  words += texts.currentNode.textContent.split(/\\s+/).filter(Boolean).length;
}
return words;
"""


class Browser:
    """One window; what is asked of it is asked of the page that was opened last."""

    def __init__(self, driver: webdriver.Chrome):
        self.driver = driver
        self.requested: list[str] = []  # addresses that the page asked for, beside its own

    def open(self, page: Path, width: int = 1280) -> None:
        """Open a page in a window of so many pixels, and note what it asks for."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1}
        self._ask("Emulation.setDeviceMetricsOverride", **size, mobile=width < 500)
        self._log("performance")
        self.driver.get(page.as_uri())
        messages = [json.loads(message)["message"] for message in self._log("performance")]
        asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        inside = ("data:", page.as_uri())  # a picture within the page, and the page
        self.requested = [url for url in asked if not url.startswith(inside)]

    def run(self, script: str, *arguments: Any) -> Any:
        """What a piece of JavaScript returns."""
        return self.driver.execute_script(script, *arguments)

    @property
    def complaints(self) -> list[str]:
        """What the console says since it was asked last."""
        return self._log("browser")

    @property
    def words(self) -> int:
        """That can be seen without opening a fold, outside of drawings."""
        return int(self.run(_WORDS))

    def pages(self) -> int:
        """Of A4, when it is printed."""
        printed = self._ask("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        return len(_PAGES.findall(base64.b64decode(printed["data"])))

    def violations(self) -> list[str]:
        """What axe-core finds of accessibility rules broken, the serious and the critical ones."""
        self.run((resources.files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
        found = self.driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")["violations"]
        return [
            f"{one['id']}: {one['help']} ({one['nodes'][0]['html'][:200]})"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    def _log(self, name: str) -> list[str]:
        log: Any = self.driver.get_log  # which has no types
        return [entry["message"] for entry in log(name)]

    def _ask(self, command: str, **parameters: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, parameters)


@contextmanager
def browser() -> Iterator[Browser]:
    """A window of its own, without a screen."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    quiet = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run"]
    for argument in [*quiet, *["--no-sandbox"] * (os.getuid() == 0)]:  # which root cannot have
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    driver.set_script_timeout(120)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
