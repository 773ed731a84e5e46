"""Tests of the benchmark itself, and of what one request and one mail may cost."""
