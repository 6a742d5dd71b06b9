// TrackEvent, as protos/perfetto/trace/{trace,trace_packet}.proto and track_event/*.proto number their fields.
#include <stepwise/runtime/trace/tools/writers.hpp>

#include <map>
#include <set>
#include <utility>
#include <vector>

namespace stepwise::trace {

namespace {

// A message of protocol buffers, as it goes on the wire.
class Message {
public:
    void number(unsigned field, std::uint64_t value) {
        varint(field << 3U);
        varint(value);
    }
    void fixed(unsigned field, std::uint64_t value) {
        varint(field << 3U | 1U);
        for (int byte = 0; byte < 8; ++byte) bytes_ += static_cast<char>(value >> (8 * byte) & 0xFFU);
    }
    void text(unsigned field, std::string_view value) {
        varint(field << 3U | 2U);
        varint(value.size());
        bytes_ += value;
    }
    const std::string& bytes() const noexcept { return bytes_; }

private:
    void varint(std::uint64_t value) {
        for (; value > 0x7F; value >>= 7U) bytes_ += static_cast<char>((value & 0x7FU) | 0x80U);
        bytes_ += static_cast<char>(value);
    }

    std::string bytes_;
};

enum : unsigned { trace_packet = 1 };
enum : unsigned {
    packet_timestamp = 8,
    packet_sequence_id = 10,
    packet_track_event = 11,
    packet_track_descriptor = 60
};
enum : unsigned { track_uuid = 1, track_name = 2, track_process = 3, track_parent = 5 };
enum : unsigned { process_pid = 1, process_name = 6 };
enum : unsigned { event_annotation = 4, event_type = 9, event_track = 11, event_category = 22, event_name = 23 };
enum : unsigned { event_flow = 47, event_flow_end = 48 };
enum : unsigned { annotation_text = 6, annotation_name = 10 };
enum class Type : std::uint8_t { slice_begin = 1, slice_end, instant };

constexpr std::uint64_t process_track = 1;

Type type_of(Kind kind) noexcept {
    switch (kind) {
        case Kind::turn_begin:
        case Kind::select_enter:
        case Kind::run_begin:
        case Kind::step_begin:
        case Kind::job_start:
            return Type::slice_begin;
        case Kind::turn_end:
        case Kind::select_exit:
        case Kind::run_end:
        case Kind::step_end:
        case Kind::job_end:
            return Type::slice_end;
        default:
            return Type::instant;
    }
}

class Writer {
public:
    Writer(const Recording& recording, const Wanted& wanted)
        : recording_(recording), wanted_(wanted), lanes_(recording) {}

    std::string write() {
        find_effects();
        describe_process();
        for (const Record& event : recording_.events()) {
            if (is_written(event)) write_event(event);
        }
        return std::move(trace_);
    }

private:
    Lane lane_of(const Record& event) const noexcept {
        // A wait for the kernel is a slice of the loop's: nothing else runs on it meanwhile.
        if (event.kind == Kind::select_enter) return {};
        return lanes_.of(event);
    }

    bool is_written(const Record& event) const noexcept {
        return event.seq >= wanted_.first && event.seq <= wanted_.last && event.kind != Kind::phase &&
               wanted_.lanes[static_cast<std::size_t>(lane_of(event).of)];
    }

    // A flow of its own for each link: one that went through several events would join the effects, too.
    void find_effects() {
        for (const Record& event : recording_.events()) {
            const Record* cause = is_written(event) ? recording_.find(event.by) : nullptr;
            if (cause != nullptr && is_written(*cause) && type_of(event.kind) != Type::slice_end) {
                effects_[cause->seq].push_back(event.seq);
                linked_.insert(event.seq);
            }
        }
    }

    void add_packet(const Message& packet) {
        Message trace;
        trace.text(trace_packet, packet.bytes());
        trace_ += trace.bytes();
    }

    void describe(std::uint64_t uuid, const Message& descriptor) {
        Message packet;
        packet.number(packet_sequence_id, 1);
        Message whole;
        whole.number(track_uuid, uuid);
        packet.text(packet_track_descriptor, whole.bytes() + descriptor.bytes());
        add_packet(packet);
    }

    void describe_process() {
        const Header& header = recording_.reader().header();
        Message process;
        process.number(process_pid, header.process == 0 ? 1 : header.process);
        process.text(process_name, header.program);
        Message descriptor;
        descriptor.text(track_process, process.bytes());
        describe(process_track, descriptor);
    }

    std::uint64_t track_of(const Lane& lane) {
        auto [found, is_new] = tracks_.try_emplace({lane.of, lane.id}, process_track + 1 + tracks_.size());
        if (is_new) {
            Message descriptor;
            descriptor.text(track_name, lanes_.name(lane, wanted_.language));
            descriptor.number(track_parent, process_track);
            describe(found->second, descriptor);
        }
        return found->second;
    }

    void write_event(const Record& event) {
        Type type = type_of(event.kind);
        std::uint64_t track = track_of(lane_of(event));
        int& open = open_[track];
        if (type == Type::slice_end && open == 0) return;  // its beginning is not in the range
        if (type != Type::instant) open += type == Type::slice_begin ? 1 : -1;
        Message told;
        told.number(event_type, static_cast<std::uint64_t>(type));
        told.number(event_track, track);
        if (type != Type::slice_end) {
            told.text(event_category, name_of(event.kind));
            told.text(event_name, label_of(recording_, event));
            Message annotation;
            annotation.text(annotation_name, "told");
            annotation.text(annotation_text, narrate(recording_, event, wanted_.language));
            told.text(event_annotation, annotation.bytes());
            if (auto found = effects_.find(event.seq); found != effects_.end()) {
                for (std::uint64_t effect : found->second) told.fixed(event_flow, effect);
            }
            if (linked_.contains(event.seq)) told.fixed(event_flow_end, event.seq);
        }
        Message packet;
        packet.number(packet_timestamp, static_cast<std::uint64_t>(event.t));
        packet.number(packet_sequence_id, 1);
        packet.text(packet_track_event, told.bytes());
        add_packet(packet);
    }

    const Recording& recording_;
    const Wanted& wanted_;
    Lanes lanes_;
    std::string trace_;
    std::map<std::pair<LaneOf, std::uint32_t>, std::uint64_t> tracks_;
    std::map<std::uint64_t, int> open_;
    std::map<std::uint64_t, std::vector<std::uint64_t>> effects_;
    std::set<std::uint64_t> linked_;
};

}  // namespace

std::string as_perfetto(const Recording& recording, const Wanted& wanted) {
    return Writer(recording, wanted).write();
}

}  // namespace stepwise::trace
