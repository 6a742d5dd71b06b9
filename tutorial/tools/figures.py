"""Which tool draws which kind of figure, and what it is drawn from: an output that the same chapter shows."""

import figure_gantt
import figure_graph
import figure_lanes
import figure_strip
from figure_options import FigureError

FROM_AN_OUTPUT = {"gantt": figure_gantt.draw, "lanes": figure_lanes.draw, "strip": figure_strip.draw}


def svg_of(root, page, block, texts):
    """The picture that a figure's marker asks for. `texts`: the blocks' checked texts, by their place in the page."""
    kind, _, spec = block.spec.partition(" ")
    if not block.alternative.strip():
        raise FigureError("say in the image's brackets what it shows, for those who do not see it")
    if kind == "graph":
        return figure_graph.draw(block.alternative, block.options, spec, page.language,
                                 lambda proof: _proves(root, page, texts, proof))
    if kind not in FROM_AN_OUTPUT:
        raise FigureError(f"a figure is one of {', '.join(FROM_AN_OUTPUT)}, graph: not '{kind}'")
    shown = [other for other in page.blocks if other.kind == "output" and other.spec == spec]
    if not shown:
        raise FigureError(f"it draws an output that this chapter shows, word for word; there is no output: {spec}")
    return FROM_AN_OUTPUT[kind](block.alternative, block.options, texts[shown[0].start], page.language)


def _proves(root, page, texts, proof):
    word, _, rest = proof.partition(" ")
    if word == "shown":
        return any(rest in texts.get(block.start, "") for block in page.blocks if block.kind != "figure")
    if word == "code":
        path, _, wanted = rest.partition(": ")
        source = root / path
        return bool(wanted) and source.is_file() and wanted in source.read_text(encoding="utf-8")
    return False
