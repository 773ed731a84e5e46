"""What the whole run of the tests wrote down is looked through for what must not be written."""
