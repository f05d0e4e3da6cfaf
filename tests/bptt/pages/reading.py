"""What stands in a page: its data, and everything in it that could be loaded."""

import json
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "link", "br", "input", "hr", "img"}
LOADING = {"src", "href", "srcset", "action", "data", "poster", "formaction", "background"}


class Reader(HTMLParser):
    """Reads a page whose elements must be closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        self.loaded += [str(value) for name, value in attrs if name in LOADING]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            named = self.attributes[-1][1].get("id") or self.open[-1]
            self.texts[named] = self.texts.get(named, "") + data


def data_of(html: str) -> dict[str, Any]:
    return json.loads(Reader(html).texts["data"])


def assert_self_contained(html: str) -> None:
    """Fail unless the page is whole, names no address and forbids every request."""
    __tracebackhide__ = True
    read = Reader(html)
    assert read.open == []
    assert set(read.loaded) == {"data:,"}  # its icon, which is empty
    named = [tag for tag, attributes in read.attributes if tag == "script" and "src" in attributes]
    assert named == []
    policies = [
        attributes["content"]
        for _, attributes in read.attributes
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    assert policies[0] is not None
    assert policies[0].startswith("default-src 'none'")
    rest = html.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert "://" not in rest
    assert "url(" not in rest
    assert "@import" not in rest
