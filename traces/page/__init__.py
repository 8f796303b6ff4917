"""Pages for a browser that explain: one file each, nothing loaded from elsewhere, readable without script.

Data first: `run_page` says what a page of a run shows, and knows no HTML; `rendering` makes the page of it.

From outside: `pages`.
"""
