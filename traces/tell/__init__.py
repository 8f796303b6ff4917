"""What each command tells: while it works, as tables when it is done, and as JSON.

From outside: `outlet` (where it goes), `matrix` and `progress` (while it works), `explored`, `proved`,
`replayed` and `listing` (the short answer and tables), `results` (JSON), `documents`
(its types) and `schemas` (made from these), `examples` (for the help).
"""
