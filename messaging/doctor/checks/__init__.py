"""One module for each part that is looked at: it returns what it saw, or raises what is wrong and what to do."""
