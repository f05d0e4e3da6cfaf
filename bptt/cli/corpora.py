"""bptt corpora: the texts that have a name."""

from .. import terminal
from ..text import cache, corpora


def list_corpora() -> None:
    """List the texts that can be named instead of a file."""
    for name, built_in in corpora.BUILT_IN.items():
        corpus = corpora.load(name)
        _show(
            name,
            built_in.description,
            f"{len(corpus.text):,} characters, {len(set(corpus.text))} symbols",
            f"SHA-256 {corpus.sha256}",
        )
    for name, remote in corpora.REMOTE.items():
        kept = corpora.cached_file(name)
        _show(
            name,
            remote.description,
            f"read as {remote.units}",
            f"fetched to {kept}" if kept.exists() else f"fetched when first used, to {kept}",
            f"SHA-256 {remote.sha256} (of {kept.name})",
        )
    _show(
        "The cache",
        f"{corpora.cache_folder()} ($BPTT_CACHE names another; it may be deleted at any time)",
        f"encoded texts: {cache.used() / 1e6:,.0f} MB",
    )


def _show(heading: str, *lines: str) -> None:
    console = terminal.console()
    console.print(heading, style="bold")
    for line in lines:
        shown = terminal.wrapped(line, console.width, "  ") if console.is_terminal else f"  {line}"
        console.print(shown, soft_wrap=True, markup=False)
