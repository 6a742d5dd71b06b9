// No byte is looked at twice: each one is destroyed as soon as a scanner has passed it.
#include <stepwise/tests/net/http/support.hpp>

#include <stepwise/net/http/field_scanner.hpp>
#include <stepwise/net/http/request_line.hpp>

using namespace stepwise::http;
using namespace stepwise::http::test;

TEST_CASE("a field scanner goes on where it was and never looks back") {
    const std::string bytes = "Name: value and more\r\nOther-Name:\t" + std::string(5000, 'v') + "\r\n\r\n";
    const auto block = std::make_unique<char[]>(bytes.size());
    FieldScanner scanner;
    scanner.start(0);
    ErrorSlot error;
    std::vector<FieldSpan> fields;
    ScanResult result = ScanResult::need_more;
    for (std::uint32_t available = 1; available <= bytes.size(); ++available) {
        block[available - 1] = bytes[available - 1];
        result = scanner.next(block.get(), available, {}, error);
        if (result == ScanResult::item) fields.push_back(scanner.field());
        // Only the last byte may be asked about again: a value's end is looked for from there.
        if (available > 1) block[available - 2] = '\0';
    }
    CHECK(result == ScanResult::done);
    CHECK(scanner.position() == bytes.size());
    REQUIRE(fields.size() == 2);
    CHECK(bytes.substr(fields[0].name_begin, fields[0].name_size) == "Name");
    CHECK(bytes.substr(fields[0].value_begin, fields[0].value_size) == "value and more");
    CHECK(bytes.substr(fields[1].name_begin, fields[1].name_size) == "Other-Name");
    CHECK(fields[1].value_size == 5000);
}

TEST_CASE("a request line scanner goes on where it was and never looks back beyond the version") {
    const std::string line = "\r\nMETHOD /" + std::string(5000, 't') + " HTTP/1.1\r\n";
    const std::size_t version_begin = line.size() - 10;
    std::string block(line.size(), '\0');
    RequestLineScanner scanner;
    scanner.start();
    ErrorSlot error;
    ScanResult result = ScanResult::need_more;
    for (std::uint32_t available = 1; available <= line.size(); ++available) {
        block[available - 1] = line[available - 1];
        result = scanner.scan(block.data(), available, {}, error);
        if (available > 2 && available < version_begin) block[available - 2] = '\0';
    }
    CHECK(result == ScanResult::done);
    CHECK(scanner.method().in(line.data()) == "METHOD");
    CHECK(scanner.target().size == 5001);
    CHECK(scanner.position() == line.size());
}
