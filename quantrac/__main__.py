"""`python -m quantrac` is `quantrac`."""

from quantrac.cli.main import run

if __name__ == "__main__":
    run()
