"""`python -m messaging`."""

from messaging.cli.main import main

if __name__ == "__main__":
    main()
