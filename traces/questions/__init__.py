"""What people ask of a recording, answered from the lines and calls that are there, with no model.

From outside: `ask` has all answers, `terms` who led when, `answer` what an answer is.
"""
