// How a tracer is held by its listener.
#include <stepwise/runtime/trace/tracer.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace stepwise::trace {

namespace {

// A look for commands is a system call: not at each edge while the loop runs freely.
constexpr int edges_between_looks = 32;

bool ends_with_file(std::string_view path, std::string_view file) noexcept {
    if (!path.ends_with(file)) return false;
    return path.size() == file.size() || path[path.size() - file.size() - 1] == '/';
}

}  // namespace

void Tracer::pass(Gate::Edge edge) noexcept {
    if (edge == Gate::Edge::turn || --edges_until_look_ <= 0) {
        edges_until_look_ = edges_between_looks;
        read_commands(0);
    }
    if (gate_->holds_at(edge)) hold();
}

void Tracer::hold() noexcept {
    add_by(0, Kind::held, {});
    // Behind the event's own time, or the time when it goes on could lie before it.
    TimePoint began = loop_clock_->now();
    offer();
    gate_->wait_for_permit();
    while (gate_->waits_for_permit() && read_commands(-1)) {
    }
    // A clock of the program's own stands still by itself.
    Duration time = wall_offset_ == 0 ? Duration::zero() : loop_clock_->now() - began;
    held_clock_->was_held(time);
    if (wall_offset_ != 0) wall_offset_ += time.count();
    add_by(0, Kind::held, {.detail = 1, .a = time.count()});
}

// False: there will be none any more.
bool Tracer::read_commands(int wait_ms) noexcept {
    int fd = sink_->descriptor();
    if (sink_->failed() || fd < 0) {
        gate_->open();
        return false;
    }
    // What was sent behind the command that let it go comes first.
    if (gate_->waits_for_permit() && gate_->input_bytes > 0) {
        obey_input();
        if (!gate_->waits_for_permit()) return true;
    }
    pollfd readable{fd, POLLIN, 0};
    if (::poll(&readable, 1, wait_ms) <= 0) return true;
    std::size_t room = Gate::line_bytes_max - gate_->input_bytes;
    if (room == 0) return true;
    ssize_t count = ::recv(fd, gate_->input + gate_->input_bytes, room, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (count <= 0) {
        sink_->listener_left("its listener has gone");
        gate_->open();
        return false;
    }
    gate_->input_bytes += static_cast<std::size_t>(count);
    obey_input();
    std::string_view left(gate_->input, gate_->input_bytes);
    if (left.size() < Gate::line_bytes_max || left.find('\n') != std::string_view::npos) return true;
    sink_->listener_left("its listener sends what is no command");
    gate_->open();
    return false;
}

void Tracer::obey_input() noexcept {
    std::string_view left(gate_->input, gate_->input_bytes);
    // Each command that lets the loop go is for one stop: what comes behind it waits for the next.
    for (std::size_t end; (end = left.find('\n')) != std::string_view::npos;) {
        std::string_view line = left.substr(0, end);
        left.remove_prefix(end + 1);
        if (gate_->obey(line)) {
            look_for_known_line();
        } else {
            char text[Gate::line_bytes_max + 32] = "no command: ";
            std::memcpy(text + std::strlen(text), line.data(), line.size());
            add_by(0, Kind::note, {.a = string(text)});
            offer();
        }
        if (gate_->released_once()) break;
    }
    std::memmove(gate_->input, left.data(), left.size());
    gate_->input_bytes = left.size();
}

void Tracer::look_for_line(std::uint32_t source, const char* file, unsigned line) noexcept {
    if (places_ == nullptr || source >= names_max) return;
    places_[source] = {file, line};
    if (gate_->until_line() == line && line != 0 && ends_with_file(file, gate_->until_file()))
        gate_->until_source(source);
}

void Tracer::look_for_known_line() noexcept {
    if (gate_->until_line() == 0) return;
    for (std::uint32_t source = 1; source <= last_source_ && source < names_max; ++source) {
        const KnownPlace& place = places_[source];
        if (place.line == gate_->until_line() && ends_with_file(place.file, gate_->until_file()))
            gate_->until_source(source);
    }
}

}  // namespace stepwise::trace
