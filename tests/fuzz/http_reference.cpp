#include <stepwise/tests/fuzz/http_reference.hpp>

#include <algorithm>
#include <charconv>
#include <stepwise/tests/fuzz/support.hpp>

namespace stepwise::fuzz {

namespace {

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view take_line(std::string_view& bytes) {
    const std::size_t end = bytes.find("\r\n");
    expect(end != std::string_view::npos, "a section that a parser took ends with CRLF", bytes);
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end + 2);
    const bool is_plain = std::all_of(line.begin(), line.end(), [](char c) {
        return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    });
    expect(is_plain, "a line that a parser took has no control character", line);
    return line;
}

}  // namespace

std::vector<std::string_view> lines_of(std::string_view block) {
    std::vector<std::string_view> lines;
    for (std::string_view line = take_line(block); !line.empty(); line = take_line(block)) lines.push_back(line);
    expect(block.empty(), "a block ends with its first empty line", block);
    return lines;
}

void expect_fields(const std::vector<std::string_view>& lines, const http::HeaderFields& fields) {
    expect(lines.size() == fields.size(), "there is a field for each line");
    for (std::size_t index = 0; index < lines.size(); ++index) {
        const std::string_view line = lines[index];
        const std::size_t colon = line.find(':');
        expect(colon != std::string_view::npos && colon > 0, "a field line has a name and a colon", line);
        const std::string_view name = line.substr(0, colon);
        expect(name.find_first_of(" \t\"(),/:;<=>?@[\\]{}") == std::string_view::npos, "a field's name is a token",
               name);
        expect_equal(fields[index].name, name, "a field's name is what stands before the colon");
        expect_equal(fields[index].value, trimmed(line.substr(colon + 1)), "a field's value is what stands behind it");
    }
}

ChunkedBody read_chunked_body(std::string_view bytes) {
    ChunkedBody body{{}, {}, bytes.size()};
    while (true) {
        const std::string_view line = take_line(bytes);
        std::size_t size = 0;
        const std::string_view digits = trimmed(line.substr(0, line.find(';')));
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
        const bool is_number = error == std::errc() && end == digits.data() + digits.size();
        expect(is_number, "a chunk's size is a hexadecimal number", line);
        if (size == 0) break;
        expect(size <= bytes.size(), "a chunk that a parser took is all there");
        body.content += bytes.substr(0, size);
        bytes.remove_prefix(size);
        expect(bytes.substr(0, 2) == "\r\n", "CRLF stands behind a chunk's data", bytes);
        bytes.remove_prefix(2);
    }
    const std::string_view trailers = bytes;
    for (std::string_view line = take_line(bytes); !line.empty(); line = take_line(bytes)) {
        body.trailer_lines.push_back(line);
    }
    body.size -= bytes.size();
    expect(body.trailer_lines.size() == lines_of(trailers.substr(0, trailers.size() - bytes.size())).size(),
           "trailers are a block");
    return body;
}

std::string written_fields(const http::HeaderFields& fields) {
    std::string text;
    for (const http::HeaderField field : fields) {
        text.append(field.name).append(":").append(field.value).append("\r\n");
    }
    return text;
}

std::string described_fields(const http::HeaderFields& fields) {
    std::string text;
    for (const http::HeaderField field : fields) {
        if (!text.empty()) text += ", ";
        text.append(field.name).append(": ").append(field.value);
    }
    return text;
}

}  // namespace stepwise::fuzz
