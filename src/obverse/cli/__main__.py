"""``python -m obverse.cli``."""

from obverse.cli import main

if __name__ == "__main__":
    main()
