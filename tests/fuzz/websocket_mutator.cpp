// Changes whole frames: a length and a mask hide from blind changes what lies behind them. Takes the input apart into
// frames, changes one (its payload without the mask, its header, its place) and writes them again; every third time the
// bytes are changed blindly.
#include <algorithm>
#include <cstring>
#include <random>
#include <stepwise/tests/fuzz/websocket.hpp>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

using namespace stepwise;
using namespace stepwise::fuzz;

namespace {

using Random = std::minstd_rand;

struct Frame {
    unsigned char first_byte = 0x81;
    ws::MaskKey key{};
    std::string payload;
};

std::vector<Frame> frames_of(std::string_view bytes) {
    std::vector<Frame> frames;
    while (!bytes.empty()) {
        // Read as the rules of neither end ask: a first byte that is valid, and whichever mask bit there is.
        std::string begin(bytes.substr(0, ws::frame_header_bytes_max));
        Frame frame{static_cast<unsigned char>(begin[0]), {}, {}};
        begin[0] = '\x82';
        const bool is_masked = begin.size() > 1 && (begin[1] & 0x80) != 0;
        const auto result = ws::parse_frame_header(begin, is_masked ? ws::Role::server : ws::Role::client);
        if (const auto* header = std::get_if<ws::FrameHeader>(&result)) {
            bytes.remove_prefix(header->header_bytes);
            frame.key = header->mask_key;
            frame.payload = bytes.substr(0, header->payload_bytes);
            bytes.remove_prefix(frame.payload.size());
            ws::apply_mask(frame.payload, frame.key);
        } else {
            frame.payload = bytes.substr(1);
            bytes = {};
        }
        frames.push_back(std::move(frame));
    }
    return frames;
}

std::string written(const std::vector<Frame>& frames) {
    std::string bytes;
    net::StringSink sink(bytes);
    for (const Frame& frame : frames) {
        const std::size_t begin = bytes.size();
        const auto key = fuzzed_role == ws::Role::server ? std::optional(frame.key) : std::nullopt;
        ws::append_frame(sink, ws::Opcode::binary, frame.payload, true, key);
        bytes[begin] = static_cast<char>(frame.first_byte);
    }
    return bytes;
}

Frame new_frame(Random& random) {
    using namespace std::string_literals;
    static const std::string payloads[] = {""s,
                                           "text"s,
                                           "\xC3\xA9"s,
                                           "\xE4\xB8\x80"s,
                                           "\xF0\x9F\x98\x80"s,
                                           "\xE4\xB8"s,
                                           "\xED\xA0\x80"s,
                                           "\x03\xE8"s,
                                           "\x03\xE9 bye"s,
                                           "\x0F\xA0\xC3"s,
                                           std::string(125, 'x'),
                                           std::string(126, 'y'),
                                           "\xC0\x80"s,
                                           "\x03"s};
    constexpr unsigned char first_bytes[] = {0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8A};
    Frame frame{first_bytes[random() % std::size(first_bytes)], {}, payloads[random() % std::size(payloads)]};
    if (random() % 2 == 0) frame.key = {0x37, 0xFA, 0x21, 0x3D};
    return frame;
}

// Into two fragments.
void split_frame(std::vector<Frame>& frames, std::size_t place, Random& random) {
    Frame rest = frames[place];
    const std::size_t cut = random() % (rest.payload.size() + 1);
    frames[place].first_byte &= 0x7F;
    frames[place].payload.resize(cut);
    rest.payload.erase(0, cut);
    rest.first_byte &= 0x80;
    frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(place) + 1, rest);
}

void change_payload(std::string& payload) {
    const std::size_t size = payload.size();
    payload.resize(size + 32);
    payload.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(payload.data()), size, payload.size()));
}

void change_frames(std::vector<Frame>& frames, Random& random) {
    const std::size_t place = frames.empty() ? 0 : random() % frames.size();
    const auto at = frames.begin() + static_cast<std::ptrdiff_t>(place);
    switch (frames.empty() ? 0 : random() % 7) {
        case 0:
            frames.insert(at, new_frame(random));
            break;
        case 1:
            frames.erase(at);
            break;
        case 2:
            std::swap(*at, frames[random() % frames.size()]);
            break;
        case 3:
            split_frame(frames, place, random);
            break;
        case 4:
            at->first_byte = static_cast<unsigned char>(at->first_byte ^ 1U << random() % 8);
            break;
        default:
            change_payload(at->payload);
            break;
    }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned seed) {
    Random random(seed);
    const Input input = split_input(data, size);
    if (random() % 3 == 0 || size < input.choices.size()) return LLVMFuzzerMutate(data, size, size_max);
    // Behind the handshake, if there is one.
    const std::size_t head_end = input.choices[2] >= 0x80 ? input.bytes.find("\r\n\r\n") : std::string_view::npos;
    const std::size_t begin = head_end == std::string_view::npos ? 0 : head_end + 4;
    std::vector<Frame> frames = frames_of(input.bytes.substr(begin));
    change_frames(frames, random);
    std::string changed = written(frames);
    changed.append(input.choices.begin(), input.choices.end());
    if (begin + changed.size() > size_max) return LLVMFuzzerMutate(data, size, size_max);
    std::memcpy(data + begin, changed.data(), changed.size());
    return begin + changed.size();
}
