// An event as a line: of JSON, for programs, or of text, for people. Readers only.
#pragma once

#include <stepwise/runtime/trace/reader.hpp>

#include <string>

namespace stepwise::trace {

// {"schema":1,"program":"echo","reactor":"epoll",…}
std::string header_as_json(const Reader& reader);
// {"s":12,"t":1000,"k":"await","id":3,"by":11,"at":"echo.cpp:12","what":"sleep"}. Every record is one object; names
// of fields as in shapes.cpp.
std::string as_json(const Reader& reader, const Record& record);
// "   12     0.001000  await #3 what=sleep  at echo.cpp:12  by 11"
std::string as_text(const Reader& reader, const Record& record);

}  // namespace stepwise::trace
