"""A made-up row in each table of a database, whatever the schema is, and all rows again, to compare."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, Column, DateTime, Engine, Float, Integer, LargeBinary, MetaData, String, Table

Rows = dict[str, list[dict[str, Any]]]
_WHEN = datetime(2026, 3, 29, 1, 30, 0, 250000, tzinfo=UTC)


def fill_tables(engine: Engine, number: int, *, but: Collection[str] = ()) -> None:
    """Write row `number` into every table of the schema as it is now: no column, nullable or not, stays empty."""
    with engine.begin() as connection:
        for table in _tables(engine):
            if table.name not in but:
                connection.execute(table.insert(), {c.name: _value(c, number, engine) for c in table.columns})


def rows_of(engine: Engine) -> Rows:
    """Every row of every table, in an order that any schema keeps."""
    with engine.connect() as connection:
        return {
            table.name: sorted((dict(row) for row in connection.execute(table.select()).mappings()), key=str)
            for table in _tables(engine)
        }


def shared(rows: Rows, other: Rows) -> Rows:
    """`rows` without the tables and columns that `other` does not know."""
    return {
        name: [{column: row[column] for column in row if column in other[name][0]} for row in kept]
        for name, kept in rows.items()
        if other.get(name)
    }


def _tables(engine: Engine) -> list[Table]:
    found = MetaData()
    found.reflect(engine)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def _value(column: Column[Any], number: int, engine: Engine) -> Any:
    kind = column.type
    if isinstance(kind, Boolean):
        return number % 2 == 1
    if isinstance(kind, Integer):
        return number
    if isinstance(kind, Float):
        return number + 0.123456789012345
    if isinstance(kind, DateTime):
        return _WHEN if engine.dialect.name == "postgresql" else _WHEN.replace(tzinfo=None)
    if isinstance(kind, LargeBinary):
        return bytes([number, 0, 255])
    assert isinstance(kind, String), f"{column}: no value of type {kind} is made here"
    return f"{number}é{column.name}"[: kind.length]
