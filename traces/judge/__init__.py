"""Properties judged on observations alone, without the model: exact.

From outside: `exact` judges, a `judgement` is what it says; `availability` has the name of the property that
only recordings have.
"""
