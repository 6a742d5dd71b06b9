"""Stepwise in gdb: what every task waits for and where, and values printed as what they mean.

    (gdb) source stepwise_gdb.py        or: gdb -x stepwise_gdb.py PROGRAM [CORE]
    (gdb) stepwise tasks                the tasks of every loop that runs, on any thread
    (gdb) stepwise tasks loop           those of this one, running or not
    (gdb) stepwise task 3               one task with the variables of its frames; also by its name

It reads memory and calls nothing, so a core file does as well as a process. The program needs debug information (-g),
and may be optimised. Variables are shown for programs built with g++; before its declaration has run one holds rubbish.
"""

import re

import gdb
import gdb.printing

FRAMES_MAX = 50
FRAME_HEADER_BYTES = 16  # of every coroutine frame: how to resume it, and how to destroy it
EXCEPTION_HEADER_BYTES = 112  # the Itanium ABI's __cxa_exception, on machines of 64 bits; the type comes first
OF_STANDARD_ERRORS = re.compile(r"std::(runtime|logic|range|overflow|underflow|domain|length)_error|"
                                r"std::(invalid_argument|out_of_range)|std::system_error|stepwise::\w+Error")
COMPILERS_OWN = re.compile(r"_Coro_|D\.\d|Aw\d+_|Is_|Fs_|__")  # of a frame's members
BEHIND_A_NAME = re.compile(r"(_\d+)+$")


# ---- Memory as text

def symbol_at(address):
    """The name of what lies at the address; "" if nothing with a name does."""
    found = re.match(r"(.+?)(?: \+ \d+)? in section ", gdb.execute(f"info symbol {int(address)}", to_string=True))
    return found.group(1).partition("@")[0] if found else ""


def pointer_at(address):
    return int(gdb.Value(int(address)).cast(gdb.lookup_type("unsigned long").pointer()).dereference())


def name_of_function(text):
    """The name alone: `serve` of "stepwise::Coro<void> {anonymous}::serve(int)"."""
    text = text.replace("(anonymous namespace)", "{anonymous}")
    depth, start = 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "<") - (letter == ">")
        if letter == " " and depth == 0:
            start = place + 1
        if letter == "(" and depth == 0:
            return text[start:place].replace("{anonymous}::", "")
    return text


def place_of(location):
    """server.cpp:12; "" where nothing is known."""
    told = location["_M_impl"]
    if not told or not int(told["_M_line"]):
        return ""
    return f"{told['_M_file_name'].string().rpartition('/')[2]}:{int(told['_M_line'])}"


def text_of_exception(pointer):
    """The type of what an exception_ptr holds, and what it says where that can be read."""
    thrown = int(pointer["_M_exception_object"])
    if not thrown:
        return "nothing"
    kind = symbol_at(pointer_at(thrown - EXCEPTION_HEADER_BYTES)).removeprefix("typeinfo for ")
    if not OF_STANDARD_ERRORS.fullmatch(kind):
        return kind or "an exception of an unknown type"
    message = gdb.Value(pointer_at(thrown + 8)).cast(gdb.lookup_type("char").const().pointer())
    return f"{kind}: {message.string()}"


def as_heir(value, name):
    """The value as what inherits from its type."""
    return value.address.cast(gdb.lookup_type(name).pointer()).dereference()


# ---- Loops, tasks, frames

def running_loops():
    """(thread's number, its loop) for each thread that runs one."""
    if not gdb.selected_inferior().threads():
        raise gdb.GdbError("no program is being debugged: start one, or load a core file")
    found, before, language = [], gdb.selected_thread(), gdb.parameter("language")
    frame = gdb.selected_frame() if before else None
    try:
        gdb.execute("set language c++", to_string=True)  # a thread may stand in libc's assembly: syscall(2)
        for thread in sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num):
            thread.switch()
            loop = gdb.parse_and_eval("static_cast<stepwise::EventLoop*>(stepwise::detail::running_scheduler)")
            if loop:
                found.append((thread.num, loop.dereference()))
    except gdb.error as error:
        raise gdb.GdbError(f"cannot tell which loops run ({error}): name one: stepwise tasks EXPRESSION") from error
    finally:
        gdb.execute(f"set language {language}", to_string=True)
        if before:
            before.switch()
            frame.select()
    return found


def loop_of(expression):
    loop = gdb.parse_and_eval(expression)
    while loop.type.strip_typedefs().code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_REF):
        loop = loop.referenced_value()
    return loop


def tasks_of(loop):
    """The oldest first."""
    found, circle, link = [], loop["tasks_"], loop["tasks_"]["older"]
    task_pointer = gdb.lookup_type("stepwise::TaskBase").pointer()
    while link != circle.address:
        found.append(link.cast(task_pointer).dereference())
        link = link["older"]
    return found[::-1]


def name_of_task(task):
    if task["extras_"]:
        given = task["extras_"]["name"]
        name = given["_M_dataplus"]["_M_p"].string(length=int(given["_M_string_length"]))
        if name:
            return name
    return f"Task-{int(task['id_'])}"


def frames_of(task):
    """The innermost first."""
    frame = task["leaf_"]
    for _ in range(FRAMES_MAX):
        if not frame:
            return
        yield frame.dereference()
        frame = frame["parent"]


def resume_address(frame):
    return pointer_at(frame["owner"]["frame"]["_M_fr_ptr"]) if frame["owner"] else 0


def text_of_frame(frame):
    resume = resume_address(frame)
    function = symbol_at(resume) if resume else ""
    if not function and frame["at"]["_M_impl"]:
        function = frame["at"]["_M_impl"]["_M_function_name"].string()
    return f"{place_of(frame['at']) or 'somewhere'}, in {name_of_function(function) or 'a coroutine'}"


def variables_of(frame):
    """(name, value) for the parameters and variables that g++ keeps in the frame; [] for other compilers."""
    block = gdb.block_for_pc(resume_address(frame)) if resume_address(frame) else None
    while block and not block.function:
        block = block.superblock
    for symbol in block or []:
        if symbol.name == "frame_ptr" and symbol.is_argument:
            whole = frame["owner"]["frame"]["_M_fr_ptr"].cast(symbol.type).dereference()
            return [(BEHIND_A_NAME.sub("", field.name), whole[field])
                    for field in symbol.type.target().fields() if not COMPILERS_OWN.match(field.name)]
    return []


# ---- What a task waits for

def text_of_future(future):
    if future["is_task_"]:
        return name_of_task(as_heir(future, "stepwise::TaskBase"))
    return f"a Future made at {place_of(future['made_at_']) or 'an unknown place'}"


def text_of_gather(wait):
    first, count = wait["children_"], int(wait["end_"] - wait["children_"])
    futures = [text_of_future(first[index]["future"].referenced_value()) for index in range(min(count, 5))]
    return ", ".join(futures) + (f" and {count - 5} more" if count > 5 else "")


def text_of_permit(wait):
    holder = int(wait["semaphore_"]["holder_"])
    return "a Lock, or a Semaphore's permit" + (f", which Task-{holder} had last" if holder else "")


def text_of_sleep(wait):
    return f"a sleep of {text_of_seconds(wait['duration_'])}"


def text_of_operation(wait):
    return f"{str(wait['kind']).rpartition('::')[2]} on descriptor {int(wait['fd'])}"


def text_of_seconds(duration):
    return f"{int(duration['__r']) / 1e9:g} s"


TEXT_OF_WAIT = {
    "stepwise::Sleep": text_of_sleep,
    "stepwise::IoAwaiter": text_of_operation,
    "stepwise::detail::FutureWait": lambda wait: text_of_future(wait["future_"].dereference()),
    "stepwise::detail::GatherWait": text_of_gather,
    "stepwise::Semaphore::Acquire": text_of_permit,
}


def text_of_wait(suspension):
    kind = symbol_at(suspension["wait_kind"])
    if not kind:
        return f"something without a name, of the kind at {suspension['wait_kind']}"
    awaiter = kind.rpartition("::")[0]
    if awaiter in TEXT_OF_WAIT:
        return TEXT_OF_WAIT[awaiter](as_heir(suspension.dereference(), awaiter))
    return re.sub(r"\bstepwise::(detail::)?", "", awaiter)


def text_of_state(loop, task):
    if int(loop["current_task_"]) == int(task.address):
        text = "runs now"
    elif task["waiting_for_"]:
        text = f"waits for {text_of_wait(task['waiting_for_'])}"
    else:
        text = "is ready to run"
    requests = int(task["cancelling_"])
    return text + (f", and is being cancelled ({requests} request(s))" if requests else "")


# ---- The commands

def tell_task(loop, task, with_variables=False):
    made = place_of(task["made_at_"])
    print(f"  {name_of_task(task)} {text_of_state(loop, task)}" + (f"; made at {made}" if made else ""))
    for frame in frames_of(task):
        print(f"      {text_of_frame(frame)}")
        for name, value in variables_of(frame) if with_variables else []:
            print(f"          {name} = {value.format_string(max_depth=2)}")


def loops_to_tell(expression):
    """(heading, loop) for each."""
    if expression:
        loop = loop_of(expression)
        return [(f"loop {hex(int(loop.address))}", loop)]
    return [(f"loop {hex(int(loop.address))} of thread {thread}", loop) for thread, loop in running_loops()]


class Stepwise(gdb.Command):
    """The tasks of a program that is built on Stepwise."""

    def __init__(self):
        super().__init__("stepwise", gdb.COMMAND_STATUS, prefix=True)


class Tasks(gdb.Command):
    """stepwise tasks [LOOP]: what the tasks of every running loop wait for, and where; or those of one loop."""

    def __init__(self):
        super().__init__("stepwise tasks", gdb.COMMAND_STATUS, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        loops = loops_to_tell(argument)
        if not loops:
            print("no thread runs a loop")
        for heading, loop in loops:
            tasks = tasks_of(loop)
            print(f"{heading}: {len(tasks)} task(s)")
            for task in tasks:
                tell_task(loop, task)


class OneTask(gdb.Command):
    """stepwise task NUMBER|NAME: one task of the running loops, with the variables in its frames."""

    def __init__(self):
        super().__init__("stepwise task", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        wanted = argument.strip().strip('"')
        if not wanted:
            raise gdb.GdbError("which one? stepwise task NUMBER|NAME; 'stepwise tasks' shows them")
        found = False
        for heading, loop in loops_to_tell(""):
            for task in tasks_of(loop):
                if wanted in (str(int(task["id_"])), f"Task-{int(task['id_'])}", name_of_task(task)):
                    found = True
                    print(heading)
                    tell_task(loop, task, with_variables=True)
        if not found:
            raise gdb.GdbError(f"no running loop has a task '{wanted}'; 'stepwise tasks' shows them")


# ---- Pretty-printers

class CoroPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        pointer = self.value["frame"]["_M_fr_ptr"]
        if not pointer:
            return "empty: it was moved from, or a task has it"
        result = self.value.type.strip_typedefs().template_argument(0)
        alignment = 1 if result.code == gdb.TYPE_CODE_VOID else result.alignof
        promise = -(-(int(pointer) + FRAME_HEADER_BYTES) // max(alignment, FRAME_HEADER_BYTES))
        promise *= max(alignment, FRAME_HEADER_BYTES)
        frame = gdb.Value(promise).cast(gdb.lookup_type("stepwise::CallFrame").pointer()).dereference()
        where = f"{place_of(frame['at'])}, in {name_of_function(self.function(pointer, frame))}"
        if not frame["task"]:
            return f"not started: {where}"
        if not pointer_at(pointer):
            return f"ended: {where}"
        return f"runs in {name_of_task(frame['task'].dereference())}: {where}"

    def function(self, pointer, frame):
        resume = pointer_at(pointer)
        return symbol_at(resume) if resume else frame["at"]["_M_impl"]["_M_function_name"].string()


class FuturePrinter:
    """Of a Future and of a Task."""

    def __init__(self, value):
        self.value = value

    def result(self, state):
        kind = "TaskState" if state["is_task_"] else "FutureState"
        result = self.value.type.strip_typedefs().template_argument(0)
        # A name is what C++ has, whatever the language of the frame that gdb stands in; a pointer has none.
        return as_heir(state, f"stepwise::detail::{kind}<{result.name or result}>")["value_"]

    def to_string(self):
        if not self.value["state_"]:
            return "empty: it was moved from"
        state = self.value["state_"].dereference()
        who = f"{name_of_task(as_heir(state, 'stepwise::TaskBase'))}, " if state["is_task_"] else ""
        end = str(state["state_"]).rpartition("::")[2]
        if end == "exception":
            return f"{who}exception {text_of_exception(state['error_'])}"
        if end == "result" and self.value.type.strip_typedefs().template_argument(0).code != gdb.TYPE_CODE_VOID:
            return f"{who}result {self.result(state)}"
        return f"{who}{end}; made at {place_of(state['made_at_']) or 'an unknown place'}"


class ReadyQueuePrinter:
    def __init__(self, value):
        self.value = value

    def nodes(self):
        node = self.value["head_"]
        while node:
            yield node
            node = node["next"]

    def to_string(self):
        return f"{sum(1 for _ in self.nodes())} ready"

    def children(self):
        for index, node in enumerate(self.nodes()):
            yield f"[{index}]", name_of_function(symbol_at(node["run"])) or node


class TimerQueuePrinter:
    def __init__(self, value):
        first, last = (value["heap_"]["_M_impl"][end] for end in ("_M_start", "_M_finish"))
        entries = [first[index] for index in range(int(last - first))]
        self.entries = sorted(entries, key=lambda entry: int(entry["due"]["__d"]["__r"]))

    def to_string(self):
        return f"{len(self.entries)} timer(s), the next due first"

    def children(self):
        for index, entry in enumerate(self.entries):
            fires = name_of_function(symbol_at(entry["timer"]["fire"]))
            yield f"[{index}]", f"at {text_of_seconds(entry['due']['__d'])} of the loop's clock: {fires}"


class ContextVarPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return f"{self.value['otherwise_']} where no task has set it"


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("stepwise")
    collection.add_printer("Coro", r"^stepwise::Coro<.*>$", CoroPrinter)
    collection.add_printer("Future", r"^stepwise::(Future|Task)<.*>$", FuturePrinter)
    collection.add_printer("ReadyQueue", r"^stepwise::ReadyQueue$", ReadyQueuePrinter)
    collection.add_printer("TimerQueue", r"^stepwise::TimerQueue$", TimerQueuePrinter)
    collection.add_printer("ContextVar", r"^stepwise::ContextVar<.*>$", ContextVarPrinter)
    return collection


Stepwise()
Tasks()
OneTask()
gdb.printing.register_pretty_printer(None, printers(), replace=True)
