#include <stepwise/runtime/trace/shapes.hpp>
#include <stepwise/runtime/trace/tools/sequence.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

namespace stepwise::trace {

namespace {

class Drawing {
public:
    Drawing(const Recording& recording, const Wanted& wanted)
        : recording_(recording), wanted_(wanted), lanes_(recording) {}

    Sequence draw() {
        for (const Record& event : recording_.events()) {
            if (event.seq < wanted_.first || event.seq > wanted_.last || !is_shown(event)) continue;
            if (sequence_.rows.size() == Wanted::rows_max) {
                ++sequence_.rows_left_out;
            } else {
                add(event);
            }
        }
        put_lanes_in_order();
        return std::move(sequence_);
    }

private:
    bool is_chosen(const Lane& lane) const noexcept { return wanted_.lanes[static_cast<std::size_t>(lane.of)]; }

    bool is_shown(const Record& event) const noexcept {
        if (!is_chosen(lanes_.of(event)) || wanted_.hidden[static_cast<std::size_t>(event.kind)]) return false;
        if (wanted_.everything) return true;
        switch (event.kind) {
            // A push, a frame and a timer that was set are told by what comes of them.
            case Kind::ready_push:
            case Kind::future_new:
            case Kind::future_retrieved:
            case Kind::task_name:
            case Kind::loop_end:
                return false;
            case Kind::run_begin:
                return recording_.cast().of(event.id).role == Role::call && (has_place(event) || is_from_kernel(event));
            default:
                return is_worth_telling(event);
        }
    }

    bool has_place(const Record& event) const noexcept { return recording_.cast().of(event.id).at != 0; }

    // A call that the kernel's news has pushed.
    bool is_from_kernel(const Record& event) const noexcept {
        const Record* push = recording_.find(event.by);
        const Record* cause = push == nullptr ? nullptr : recording_.find(push->by);
        return cause != nullptr &&
               (cause->kind == Kind::ready || cause->kind == Kind::cqe || cause->kind == Kind::select_enter);
    }

    // The nearest event up the causes that stands in another lane that is shown.
    const Record* origin(const Record& event, const Lane& lane) const noexcept {
        const Record* cause = recording_.find(event.by);
        for (int far = 0; cause != nullptr && far < 64; ++far, cause = recording_.find(cause->by)) {
            Lane of = lanes_.of(*cause);
            if (!is_chosen(of)) continue;
            if (of.of != lane.of || of.id != lane.id) return cause;
            // It stands in this lane and is a row of its own: the way here begins there.
            if (is_shown(*cause)) return nullptr;
        }
        return nullptr;
    }

    void add(const Record& event) {
        Lane lane = lanes_.of(event);
        Row row;
        row.seq = event.seq;
        row.seconds = recording_.seconds(event);
        row.label = label_of(recording_, event);
        row.to = row.from = index_of(lane);
        // What the kernel tells, it tells when it is asked: no arrow from who asked.
        if (const Record* from = event.kind == Kind::ready ? nullptr : origin(event, lane)) {
            row.from = index_of(lanes_.of(*from));
            row.cause = from->seq;
            // What came from the peer: the recorded direction.
            if (lane.of == LaneOf::peers && event.detail == 0) std::swap(row.from, row.to);
        }
        sequence_.rows.push_back(std::move(row));
    }

    std::size_t index_of(const Lane& lane) {
        auto [found, is_new] = index_.try_emplace(std::pair(lane.of, lane.id), sequence_.lanes.size());
        if (is_new) {
            std::string name = lanes_.name(lane, wanted_.language);
            // A descriptor's number is the system's business, and may be another one in the next run.
            if (lane.of == LaneOf::peers) {
                name =
                    fmt::format(fmt::runtime(wanted_.language == Language::english ? "peer {}" : "对方 {}"), ++peers_);
            }
            sequence_.lanes.push_back({lane.of, lane.id, std::move(name)});
        }
        return found->second;
    }

    void put_lanes_in_order() {
        std::vector<std::size_t> order(sequence_.lanes.size());
        for (std::size_t place = 0; place < order.size(); ++place) order[place] = place;
        const std::vector<Lane>& lanes = sequence_.lanes;
        std::sort(order.begin(), order.end(), [&](std::size_t one, std::size_t other) {
            return std::tie(lanes[one].of, lanes[one].id) < std::tie(lanes[other].of, lanes[other].id);
        });
        std::vector<std::size_t> place_of(order.size());
        std::vector<Lane> ordered;
        for (std::size_t old : order) {
            place_of[old] = ordered.size();
            ordered.push_back(lanes[old]);
        }
        for (Row& row : sequence_.rows) {
            row.from = place_of[row.from];
            row.to = place_of[row.to];
        }
        sequence_.lanes = std::move(ordered);
    }

    const Recording& recording_;
    const Wanted& wanted_;
    Lanes lanes_;
    Sequence sequence_;
    int peers_ = 0;
    std::map<std::pair<LaneOf, std::uint32_t>, std::size_t> index_;
};

// The words of its fields, without those that only a program wants.
std::string fields_of(const Recording& recording, const Record& event) {
    const Shape& shape = shape_of(event.kind);
    std::string text;
    auto tell = [&](const Field& field, std::int64_t value) {
        switch (field.meaning) {
            case Meaning::string:
                // What is awaited is told by its name.
                if (value != 0 && (event.kind != Kind::await || event.a == 0))
                    text += fmt::format(" {}", recording.reader().string(static_cast<std::uint64_t>(value)));
                break;
            case Meaning::nanoseconds:
                if (value >= 0) text += " " + duration_text(field.name == "due" ? value - event.t : value);
                break;
            case Meaning::object:
                if (value != 0 && event.kind == Kind::await) {
                    text += fmt::format(" {}", recording.cast().name(static_cast<std::uint32_t>(value)));
                }
                break;
            case Meaning::number:
                if (field.name == "n" || field.name == "queued" || field.name == "code" || field.name == "res") {
                    text += fmt::format(" {}", value);
                }
                break;
            case Meaning::future_state:
            case Meaning::wake_source:
                if (std::string_view word = word_of(field.meaning, static_cast<std::uint64_t>(value));
                    word != "result") {
                    text += fmt::format(" {}", word);
                }
                break;
            default:
                break;
        }
    };
    tell(shape.detail, event.detail);
    tell(shape.other, static_cast<std::int32_t>(event.other));
    tell(shape.a, event.a);
    tell(shape.b, event.b);
    return text;
}

}  // namespace

std::string label_of(const Recording& recording, const Record& event) {
    std::string label(name_of(event.kind));
    if (event.kind == Kind::step_begin) label = "step";
    if (event.kind == Kind::run_begin) label = "run";
    if (event.kind == Kind::select_enter) label = "select";
    if (event.kind == Kind::frame_call) label = "call " + recording.cast().name(event.id);
    if (event.kind == Kind::frame_return) {
        const char* how = event.detail == static_cast<std::uint8_t>(FrameEnd::destroyed) ? "destroyed " : "return ";
        label = how + recording.cast().name(event.id);
    }
    if (event.kind == Kind::future_done) label += " " + recording.cast().name(event.id);
    label += fields_of(recording, event);
    std::uint32_t at = event.at;
    if (event.kind == Kind::run_begin) at = recording.cast().of(event.id).at;
    if (std::string place = place_of(recording.reader(), at); !place.empty()) label += "  " + place;
    return label;
}

Sequence sequence_of(const Recording& recording, const Wanted& wanted) {
    return Drawing(recording, wanted).draw();
}

}  // namespace stepwise::trace
