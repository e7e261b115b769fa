"""SportsCode XML, the time line of Hudl SportsCode (and of what imports it).

Source: files written by that program, as kloppy's reader takes them: ``ALL_INSTANCES`` with one
``instance`` (ID, start, end, code, labels) each, and ``ROWS`` for the order of the rows. The
program does not read escaped characters, so that names come without ``<>&"'``; times are seconds
on one clock across halves.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from action_spotting.export.selection import Window
from action_spotting.export.timeline import Moment, Timeline


def export_sportscode(timeline: Timeline, window: Window | None = None) -> str:
    """Write one instance a spot, from `window` before to after it, and one row a class.

    Labels of an instance: half, time on the half's clock, confidence, and the spot's own
    second on the match clock (``Spot``), because the window is cut at a half's ends.
    """
    window = window or Window()
    root = ET.Element("file")
    instances = ET.SubElement(root, "ALL_INSTANCES")
    for i, moment in enumerate(timeline.moments, 1):
        start, end = window.around(timeline, moment)
        _instance(instances, i, (start, end), moment)
    rows = ET.SubElement(root, "ROWS")
    names = sorted({moment.name for moment in timeline.moments})
    for i, name in enumerate(names, 1):
        row = ET.SubElement(rows, "row")
        ET.SubElement(row, "sort_order").text = str(i)
        ET.SubElement(row, "code").text = name
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _instance(parent: ET.Element, number: int, span: tuple[int, int], moment: Moment) -> None:
    instance = ET.SubElement(parent, "instance")
    ET.SubElement(instance, "ID").text = str(number)
    ET.SubElement(instance, "start").text = _seconds(span[0])
    ET.SubElement(instance, "end").text = _seconds(span[1])
    ET.SubElement(instance, "code").text = moment.name
    sure = {} if moment.probability is None else {"Probability": moment.certainty}
    for group, text in (
        ("Half", str(moment.half)),
        ("Time", moment.game_time.partition(" - ")[2]),
        ("Confidence", f"{moment.confidence:.2f}"),
        *sure.items(),
        ("Spot", _seconds(moment.match_ms)),
    ):
        label = ET.SubElement(instance, "label")
        ET.SubElement(label, "group").text = group
        ET.SubElement(label, "text").text = text


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}"
