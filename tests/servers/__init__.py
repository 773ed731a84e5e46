"""Real servers for tests: scripted or plain, each on a port of its own, gone when the test is."""
