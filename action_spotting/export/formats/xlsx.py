"""XLSX: one line a spot, for Excel and LibreOffice; no cell is ever a formula or a link."""

from __future__ import annotations

import datetime
import io

import xlsxwriter

from action_spotting.errors import UsageError
from action_spotting.export.formats.csv_table import HEADER, cells
from action_spotting.export.selection import Window
from action_spotting.export.timeline import Timeline
from action_spotting.export.wording import one_line

MAX_ROWS = 2**20 - 1
_LONGEST_TEXT = 32_767
_WIDTHS = (32, 6, 11, 12, 12, 20, 20, 11, 11)
_NO_DATE = datetime.datetime(1980, 1, 1, tzinfo=datetime.UTC)


def export_xlsx(timeline: Timeline, window: Window | None = None) -> bytes:
    """Write the columns of the CSV; numbers are numbers, probabilities percentages.

    >>> export_xlsx(Timeline("A - B", (), (), ()))[:2]
    b'PK'

    Raises
    ------
    UsageError
        More spots than a sheet has rows.
    """
    rows = cells(timeline)
    if len(rows) > MAX_ROWS:
        raise UsageError(
            f"{timeline.game}: {len(rows)} spots, but a sheet holds {MAX_ROWS}; a higher "
            "threshold, or --top, keeps fewer"
        )
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        book.set_properties({"created": _NO_DATE})  # the same spots give the same bytes
        sheet = book.add_worksheet("spots")
        formats = {
            "confidence": book.add_format({"num_format": "0.000"}),
            "probability": book.add_format({"num_format": "0 %"}),
        }
        sheet.write_row(0, 0, HEADER, book.add_format({"bold": True}))
        for r, row in enumerate(rows, 1):
            for c, (name, cell) in enumerate(zip(HEADER, row, strict=True)):
                if isinstance(cell, str):
                    sheet.write_string(r, c, one_line(cell)[:_LONGEST_TEXT])
                else:
                    sheet.write_number(r, c, cell, formats.get(name))
        for c, width in enumerate(_WIDTHS):
            sheet.set_column(c, c, width)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(rows), len(HEADER) - 1)
    return content.getvalue()
