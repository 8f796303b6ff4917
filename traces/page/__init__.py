"""Pages for a browser that explain: one file each, nothing loaded from elsewhere, readable without script.

Data first: `run_page` and `incident` say what the pages of a run and of a recording show, `drawing` where it
stands on a time axis; they know no HTML. `rendering` fills it into templates.

From outside: `pages`.
"""
