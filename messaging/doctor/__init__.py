"""`python -m messaging doctor`: looks at every part that the service needs, and says what is wrong and what to do."""
