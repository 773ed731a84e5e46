"""Tests of config.rabbitmq."""
