"""`python -m messaging`."""

from messaging.command_line import main

if __name__ == "__main__":
    main()
