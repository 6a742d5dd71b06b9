#include <stepwise/runtime/trace/gate.hpp>

#include <charconv>
#include <cstring>

namespace stepwise::trace {

namespace {

// What stands before the first space; the rest stays.
std::string_view take_word(std::string_view& line) noexcept {
    std::size_t space = line.find(' ');
    std::string_view word = line.substr(0, space);
    line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
    return word;
}

template <class Number>
bool parse(std::string_view text, Number& number) noexcept {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() && number != 0;
}

}  // namespace

bool Gate::holds_at(Edge edge) const noexcept {
    switch (wants_) {
        case Wants::nothing:
            return false;
        case Wants::any:
            return true;
        case Wants::handle:
            return edge == Edge::handle || edge == Edge::task;
        case Wants::task:
            return edge == Edge::task;
        case Wants::phase:
            return edge == Edge::phase;
        case Wants::turn:
            return edge == Edge::turn;
    }
    return false;
}

void Gate::saw(const Record& event) noexcept {
    bool of_task = until_task_ != 0 && event.id == until_task_;
    bool of_future = until_future_ != 0 && event.id == until_future_ && event.kind == Kind::future_done;
    bool of_place = until_at_ != 0 && event.at == until_at_;
    if (!of_task && !of_future && !of_place && (event.kind != until_kind_ || until_kind_ == Kind::nothing)) return;
    forget_until();
    wants_ = Wants::any;
}

bool Gate::obey(std::string_view line) noexcept {
    std::string_view command = take_word(line);
    if (command == "step") return step(line);
    if (command == "until") return until(line);
    if (!line.empty()) return false;
    if (command == "pause") {
        wants_ = Wants::any;
        return true;
    }
    if (command != "continue") return false;
    open();
    return true;
}

void Gate::open() noexcept {
    forget_until();
    wants_ = Wants::nothing;
    let_go();
}

void Gate::let_go() noexcept {
    released_ = std::exchange(waits_, false);
}

bool Gate::step(std::string_view what) noexcept {
    Wants wants = what == "handle" || what.empty() ? Wants::handle
                  : what == "task"                 ? Wants::task
                  : what == "phase"                ? Wants::phase
                  : what == "turn"                 ? Wants::turn
                                                   : Wants::nothing;
    if (wants == Wants::nothing) return false;
    forget_until();
    wants_ = wants;
    let_go();
    return true;
}

bool Gate::until(std::string_view what) noexcept {
    forget_until();
    std::string_view of = take_word(what);
    bool understood = false;
    if (of == "task") {
        understood = parse(what, until_task_);
    } else if (of == "future") {
        understood = parse(what, until_future_);
    } else if (of == "kind") {
        for (int kind = 1; kind < static_cast<int>(Kind::kinds); ++kind) {
            if (name_of(static_cast<Kind>(kind)) == what) until_kind_ = static_cast<Kind>(kind);
        }
        understood = until_kind_ != Kind::nothing;
    } else if (of == "line") {
        std::size_t colon = what.rfind(':');
        understood = colon != std::string_view::npos && colon > 0 && colon < sizeof until_file_ &&
                     parse(what.substr(colon + 1), until_line_);
        if (understood) {
            until_file_bytes_ = colon;
            std::memcpy(until_file_, what.data(), colon);
        }
    }
    if (!understood) return false;
    wants_ = Wants::nothing;
    let_go();
    return true;
}

void Gate::forget_until() noexcept {
    until_kind_ = Kind::nothing;
    until_task_ = until_future_ = until_at_ = until_line_ = 0;
    until_file_bytes_ = 0;
}

}  // namespace stepwise::trace
