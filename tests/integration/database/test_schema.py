"""schema.sql shows what the migrations result in."""

from importlib import resources

from quantrac.database.schema import dump


def test_the_kept_schema_is_what_the_migrations_make(database: str) -> None:
    kept = (resources.files("quantrac.database") / "schema.sql").read_text("utf-8")
    assert dump(database) == kept, "run: quantrac db schema > quantrac/database/schema.sql on a migrated database"
