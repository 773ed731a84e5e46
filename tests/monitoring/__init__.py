"""Alert rules and dashboard, against the metrics that there are."""
