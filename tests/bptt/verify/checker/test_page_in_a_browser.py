"""The page in headless Chromium: nothing requested, nothing to complain about, nothing cut off."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bptt.verify import Settings, verify
from bptt.verify.checker.report.page import page

from . import troublesome_problems as problems

EXAMPLES = Path(__file__).parents[4] / "examples"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-logging=stderr",
    "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND",
]  # fmt: skip
PHONE = 390  # pixels

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium")


@pytest.fixture(scope="module")
def text() -> str:
    gru = f"{EXAMPLES}/gru_with_a_bug.py:problem"
    targets = (gru, problems.wrong_in_float32, problems.crashes_at_2, problems.square)
    return page([verify(target, Settings(cases=4)) for target in targets])


def opened(text: str, folder: Path) -> tuple[list[str], int, str]:
    """Open a page in a frame as wide as a phone (a window can't be so narrow).

    Return what it requested, how wide it became, and what Chromium logged.
    """
    frame = (
        f'<iframe id="phone" style="width:{PHONE}px;height:800px;border:0" '
        f'srcdoc="{html.escape(text)}"></iframe><script>onload = () => {{ document.title = '
        'JSON.stringify([phone.contentWindow.performance.getEntriesByType("resource")'
        ".map(entry => entry.name), phone.contentDocument.documentElement.scrollWidth]) }</script>"
    )
    (folder / "page.html").write_text(frame)
    done = subprocess.run(
        [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", "--dump-dom",
         (folder / "page.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r"<title>(\[\[.*\])</title>", done.stdout)
    assert found is not None, done
    return *json.loads(html.unescape(found[1])), done.stderr


def test_page_requests_nothing_and_fits_a_phone(text: str, tmp_path: Path) -> None:
    requested, width, log = opened(text, tmp_path)
    assert requested == []
    assert width == PHONE
    assert "CONSOLE" not in log


def test_requests_complaints_and_what_is_too_wide_would_be_seen(tmp_path: Path) -> None:
    bad = (
        '<body><div style="width:1000px">wide</div><img src="http://127.0.0.1:9/x.png">'
        "<script>console.error('oh')</script>"
    )
    requested, width, log = opened(bad, tmp_path)
    assert requested == ["http://127.0.0.1:9/x.png"]
    assert width > PHONE
    assert "CONSOLE" in log
