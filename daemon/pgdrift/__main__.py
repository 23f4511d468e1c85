"""`python -m pgdrift` is the console script."""

from pgdrift.cli import main

if __name__ == "__main__":
    main()
