"""Formulas as MathML, made while the site is built: no script and no network when it is read."""

from docutils.nodes import SkipNode
from latex2mathml import converter
from sphinx.application import Sphinx


def inline(writer, node) -> None:
    writer.body.append(converter.convert(node.astext(), display="inline"))
    raise SkipNode


def block(writer, node) -> None:
    writer.body.append(
        f'<div class="formula">{converter.convert(node.astext(), display="block")}</div>'
    )
    raise SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer with Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
