#!/usr/bin/env python3
"""Pages from Jinja templates: every text is escaped, but what is wrapped as `raw` goes in as it is."""

from pathlib import Path


def raw(text: str):
    """Text that is HTML already: our own files, and drawings whose texts were escaped when they were drawn."""
    import markupsafe

    return markupsafe.Markup(text)


def render(assets: Path, template: str, **content) -> str:
    """The page of a template of the folder assets; a name that the content lacks is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(assets), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    return environment.get_template(template).render(**content)
