"""The site made of these pages: `make docs` builds it into out/site."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

project = "bptt"
author = "the maintainers of bptt"
root_doc = "README"
exclude_patterns = ["site_tools"]
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "site_tools.formulas",
    "site_tools.pages",
    "site_tools.docstrings",
]

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4
# A link into the repository is no download; `site_tools.pages` turns it into the name of the file.
suppress_warnings = ["myst.header"]

html_theme = "furo"
html_title = "bptt"
html_math_renderer = "mathml"
html_static_path = ["site_tools/static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": False}

default_role = "code"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
