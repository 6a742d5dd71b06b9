"""Which tool draws which kind of figure, and what it is drawn from: an output that the same chapter shows, the marker
alone, or a run of its own, whose output or trace no reader needs to see line by line."""

import figure_bits
import figure_gantt
import figure_gauge
import figure_graph
import figure_lanes
import figure_strip
import figure_timeline
import figure_trace
import figure_wheel
from figure_options import FigureError
from runs import Output

FROM_AN_OUTPUT = {"bits": figure_bits.draw, "gantt": figure_gantt.draw, "gauge": figure_gauge.draw,
                  "lanes": figure_lanes.draw, "strip": figure_strip.draw}
FROM_THE_MARKER = {"graph": figure_graph.draw, "wheel": figure_wheel.draw}


def svg_of(root, page, block, texts, programs):
    """The picture that a figure's marker asks for. `texts`: the blocks' checked texts, by their place in the page;
    `programs`: those of the build."""
    kind, _, spec = block.spec.partition(" ")
    if not block.alternative.strip():
        raise FigureError("say in the image's brackets what it shows, for those who do not see it")
    if kind in FROM_THE_MARKER:
        return FROM_THE_MARKER[kind](block.alternative, block.options,
                                     lambda proof: _find_proof(root, page, texts, proof))
    if kind == "trace":
        return figure_trace.draw(block.alternative, block.options, spec, page.language, programs)
    if kind == "timeline":
        output = Output.parse(spec)
        if not output.reactor:
            raise FigureError("a timeline is drawn of a run on virtual time: add | on: sim")
        return figure_timeline.draw(block.alternative, block.options, programs.text_of(output), page.language)
    if kind not in FROM_AN_OUTPUT:
        kinds = [*FROM_AN_OUTPUT, *FROM_THE_MARKER, "timeline", "trace"]
        raise FigureError(f"a figure is one of {', '.join(kinds)}: not '{kind}'")
    shown = [other for other in page.blocks if other.kind == "output" and other.spec == spec]
    if not shown:
        raise FigureError(f"it draws an output that this chapter shows, word for word; there is no output: {spec}")
    return FROM_AN_OUTPUT[kind](block.alternative, block.options, texts[shown[0].start], page.language)


def _find_proof(root, page, texts, proof):
    """(where, position) of the text that a proof names, or nothing."""
    word, _, rest = proof.partition(" ")
    if word == "shown":
        shown = any(rest in texts.get(block.start, "") for block in page.blocks if block.kind != "figure")
        return (page.name, 0) if shown else None
    if word == "code":
        path, _, wanted = rest.partition(": ")
        source = root / path
        if wanted and source.is_file():
            position = source.read_text(encoding="utf-8").find(wanted)
            return (path, position) if position >= 0 else None
    return None
