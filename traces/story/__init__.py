"""A run told step by step, in PD's words: on the terminal, as a sequence diagram, as a page.

From outside: `show`.
"""
