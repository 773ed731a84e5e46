"""Tests of what the environment decides."""
