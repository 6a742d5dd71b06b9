// Where protocol code writes the bytes it makes, without knowing what holds them: a stream's cork in a server, a
// std::string in a test. `prepare(n)` gives room for n bytes, `commit(m)` with m <= n makes the first m of them part
// of the output. A pointer from `prepare` is good until the next call of either.
//
//     std::string out;
//     net::StringSink sink(out);
//     net::append(sink, "hello");
#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace stepwise::net {

template <class Sink>
concept ByteSink = requires(Sink& sink, std::size_t size) {
    { sink.prepare(size) } -> std::same_as<char*>;
    sink.commit(size);
};

// From so many bytes on a sink may know better than to copy them: then it has an append of its own, which does not
// throw: what announces them may be in the sink already.
inline constexpr std::size_t copied_bytes_max = 8 * 1024;
template <class Sink>
concept HasAppend = requires(Sink& sink, std::string_view bytes) {
    sink.append(bytes);
};

template <ByteSink Sink>
void append(Sink& sink, std::string_view bytes) {
    if (bytes.empty()) return;
    if constexpr (HasAppend<Sink>) {
        if (bytes.size() > copied_bytes_max) return sink.append(bytes);
    }
    std::memcpy(sink.prepare(bytes.size()), bytes.data(), bytes.size());
    sink.commit(bytes.size());
}

// A ByteSink over a std::string that outlives it.
class StringSink {
public:
    explicit StringSink(std::string& out) : out_(out) {}

    char* prepare(std::size_t size) {
        committed_ = out_.size();
        out_.resize(committed_ + size);
        return out_.data() + committed_;
    }
    void commit(std::size_t size) { out_.resize(committed_ + size); }

private:
    std::string& out_;
    std::size_t committed_ = 0;
};

}  // namespace stepwise::net
