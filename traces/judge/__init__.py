"""Properties judged on observations alone, without the model: exact."""
