"""A question that is asked before the run: its answer is computed, and each wrong one is named.

    <!-- predict: 19_polling --lang en | on: sim
    answer: ^polling +\\S+ +(\\d+)
    -->
    - **4**: …

One of the choices must be what the run says, the first group of `answer`. Each other one must come again further down,
in a list item that begins with it and tells what whoever chose it takes for granted.
"""

import re

from runs import Output

CHOICE = re.compile(r"^- \*\*(.+?)\*\*", re.MULTILINE)
CHOICES_MIN = 3


class PredictError(Exception):
    pass


def check(page, block, programs):
    """Raises PredictError unless the run gives one of the choices and the page names what is wrong with the others."""
    patterns = [line.partition(": ")[2] for line in block.options if line.startswith("answer: ")]
    if len(patterns) != 1 or len(block.options) != 1:
        raise PredictError("say how the run answers it, in one line: answer: REGEX, with a group")
    choices = CHOICE.findall(block.text)
    if len(set(choices)) < CHOICES_MIN or len(set(choices)) != len(choices):
        raise PredictError(f"a question has {CHOICES_MIN} choices or more, and none twice: - **CHOICE**")
    found = re.search(patterns[0], programs.text_of(Output.parse(block.spec)), re.MULTILINE)
    if not found or not found.groups():
        raise PredictError(f"the run has nothing like {patterns[0]}, with a group")
    answer = found.group(1).strip()
    if answer not in choices:
        raise PredictError(f"the run answers '{answer}', which is none of the choices: {', '.join(choices)}")
    explained = CHOICE.findall(page.text[block.end:])
    if answer in explained:
        raise PredictError(f"'{answer}' is right, and stands among the wrong ones below")
    for choice in choices:
        if choice != answer and choice not in explained:
            raise PredictError(f"nothing below says what is wrong with '{choice}': add an item - **{choice}**")
