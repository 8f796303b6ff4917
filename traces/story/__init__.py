"""A run told step by step, in PD's words: what happened, where the end comes from, what else was possible.

From outside: `show` (terminal, sequence diagram, JSON); for pages and `stepping`: `telling`, with `because`
(its sentences), `otherwise` (what else was possible), `spelling` (values) and `words`; `explained` is what a
recording's explanation says of it, `stopped` where there is none, and why; a `document` is the type of its
JSON.
"""
