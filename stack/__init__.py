"""The whole service natively on one machine: its servers installed, configured and run together."""
