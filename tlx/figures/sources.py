"""Data sources from tables."""

from __future__ import annotations

import pandas as pd
from bokeh.models import ColumnDataSource


def source_of(table: pd.DataFrame, name: str) -> ColumnDataSource:
    """A named source with the table's columns as arrays; Bokeh's own conversion adds an index nobody asked for."""
    return ColumnDataSource({str(column): table[column].to_numpy() for column in table.columns}, name=name)
