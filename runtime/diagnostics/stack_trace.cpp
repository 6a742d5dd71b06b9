#include <stepwise/runtime/diagnostics/stack_trace.hpp>

#include <stepwise_config.hpp>

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string_view>

#if STEPWISE_HAS_LIBDW
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#endif

namespace stepwise::detail {

namespace {

// Mangled names of namespace stepwise: _ZN8stepwise…, _ZNK8stepwise…, and their thunks and coroutine parts.
bool is_ours(std::string_view mangled) {
    return mangled.starts_with("_ZN8stepwise") || mangled.starts_with("_ZNK8stepwise") ||
           mangled.starts_with("_ZThn") || mangled.starts_with("_ZNSt") || mangled.starts_with("_ZSt") ||
           mangled.starts_with("_ZNKSt");
}

// For functions without a mangled name, as those that are made of somebody's lambda.
bool is_in_our_files(std::string_view file) {
    for (std::string_view part : {"stepwise/runtime/", "stepwise/net/", "stepwise/ws/", "/include/c++/"}) {
        if (file.find(part) != file.npos) return true;
    }
    return false;
}

std::string demangled(const char* name) {
    int status = 0;
    std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
    return status == 0 ? std::string(text.get()) : std::string(name);
}

StackFrame frame_of(const char* name) {
    StackFrame frame;
    if (name == nullptr) return frame;
    frame.ours = is_ours(name);
    frame.function = demangled(name);
    // A coroutine's body is told by g++ as name(name(arguments)::_Z….Frame*), with a part in brackets.
    if (auto inner = frame.function.find(".Frame*)"); inner != std::string::npos) {
        auto open = frame.function.find('(');
        frame.function = frame.function.substr(0, open) + "(…)";
    }
    return frame;
}

StackFrame known_to_linker(void* address) {
    Dl_info info{};
    if (::dladdr(address, &info) == 0) return StackFrame{fmt::format("{}", address), {}, 0, false};
    if (info.dli_sname != nullptr) return frame_of(info.dli_sname);
    auto offset = static_cast<char*>(address) - static_cast<char*>(info.dli_fbase);
    return StackFrame{fmt::format("{}+{:#x}", info.dli_fname, offset), {}, 0, false};
}

#if STEPWISE_HAS_LIBDW

class Symbols {
public:
    Symbols() : session_(::dwfl_begin(&callbacks), &::dwfl_end) {
        if (session_ == nullptr) return;
        ::dwfl_report_begin(session_.get());
        if (::dwfl_linux_proc_report(session_.get(), ::getpid()) != 0 ||
            ::dwfl_report_end(session_.get(), nullptr, nullptr) != 0) {
            session_.reset();
        }
    }

    // The function in which the address stands, after those that were put inline there.
    void add(void* pointer, std::vector<StackFrame>& to) const {
        auto address = reinterpret_cast<Dwarf_Addr>(pointer);
        Dwfl_Module* module = session_ == nullptr ? nullptr : ::dwfl_addrmodule(session_.get(), address);
        Dwarf_Addr bias = 0;
        Dwarf_Die* unit = module == nullptr ? nullptr : ::dwfl_module_addrdie(module, address, &bias);
        Dwarf_Die* scopes = nullptr;
        int count = unit == nullptr ? 0 : scopes_of(unit, address - bias, scopes);
        if (count <= 0) {
            const char* name = module == nullptr ? nullptr : ::dwfl_module_addrname(module, address);
            to.push_back(name == nullptr ? known_to_linker(pointer) : frame_of(name));
            return;
        }
        std::unique_ptr<Dwarf_Die, decltype(&std::free)> held(scopes, &std::free);
        StackFrame place;
        take_line(module, address, place);
        for (int index = 0; index < count; ++index) {
            int tag = ::dwarf_tag(&scopes[index]);
            if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram) continue;
            StackFrame frame = frame_of(linkage_name(&scopes[index]));
            frame.file = place.file;
            frame.line = place.line;
            frame.ours |= is_in_our_files(place.file);
            to.push_back(std::move(frame));
            if (tag == DW_TAG_subprogram) break;
            take_call_site(unit, &scopes[index], place);
        }
    }

private:
    // The innermost scope at the address and those around it, in the code as it stands: dwarf_getscopes alone goes on
    // with those around an inline function's source.
    static int scopes_of(Dwarf_Die* unit, Dwarf_Addr address, Dwarf_Die*& scopes) {
        Dwarf_Die* found = nullptr;
        int count = ::dwarf_getscopes(unit, address, &found);
        std::unique_ptr<Dwarf_Die, decltype(&std::free)> held(found, &std::free);
        return count <= 0 ? count : ::dwarf_getscopes_die(&found[0], &scopes);
    }
    static void take_line(Dwfl_Module* module, Dwarf_Addr address, StackFrame& place) {
        Dwfl_Line* line = ::dwfl_module_getsrc(module, address);
        const char* file =
            line == nullptr ? nullptr : ::dwfl_lineinfo(line, nullptr, &place.line, nullptr, nullptr, nullptr);
        place.file = file == nullptr ? "" : file;
    }
    static const char* linkage_name(Dwarf_Die* die) {
        Dwarf_Attribute attribute;
        const char* name = ::dwarf_formstring(::dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));
        return name == nullptr ? ::dwarf_diename(die) : name;
    }
    static void take_call_site(Dwarf_Die* unit, Dwarf_Die* inlined, StackFrame& place) {
        Dwarf_Attribute attribute;
        Dwarf_Word file = 0;
        Dwarf_Word line = 0;
        ::dwarf_formudata(::dwarf_attr(inlined, DW_AT_call_file, &attribute), &file);
        ::dwarf_formudata(::dwarf_attr(inlined, DW_AT_call_line, &attribute), &line);
        Dwarf_Files* files = nullptr;
        const char* name =
            ::dwarf_getsrcfiles(unit, &files, nullptr) == 0 ? ::dwarf_filesrc(files, file, nullptr, nullptr) : nullptr;
        place.file = name == nullptr ? "" : name;
        place.line = static_cast<int>(line);
    }

    static char* debug_path;
    static const Dwfl_Callbacks callbacks;
    std::unique_ptr<Dwfl, decltype(&::dwfl_end)> session_;
};

char* Symbols::debug_path = nullptr;
const Dwfl_Callbacks Symbols::callbacks{&::dwfl_linux_proc_find_elf, &::dwfl_standard_find_debuginfo, nullptr,
                                        &Symbols::debug_path};

#else

class Symbols {
public:
    void add(void* pointer, std::vector<StackFrame>& to) const { to.push_back(known_to_linker(pointer)); }
};

#endif

}  // namespace

std::vector<void*> capture_stack() {
    std::vector<void*> addresses(stack_frames_max);
    addresses.resize(capture_stack(addresses));
    return addresses;
}

std::size_t capture_stack(std::span<void*> to) noexcept {
    int count = ::backtrace(to.data(), static_cast<int>(to.size()));
    return count < 0 ? 0 : static_cast<std::size_t>(count);
}

std::vector<StackFrame> symbolize(std::span<void* const> addresses) {
    std::vector<StackFrame> frames;
    Symbols symbols;
    // What stands on the stack is where to go on: the call is just before it.
    for (void* address : addresses) symbols.add(static_cast<char*>(address) - 1, frames);
    return frames;
}

std::string text_of(const StackFrame& frame) {
    if (frame.file.empty()) return frame.function;
    return fmt::format("{}:{}, in {}", frame.file, frame.line, frame.function);
}

std::string first_place_of_program(std::span<void* const> addresses, std::string_view but_not_in) {
    for (const StackFrame& frame : symbolize(addresses)) {
        bool left_out =
            !but_not_in.empty() &&
            (frame.function == but_not_in || frame.function.find(std::string(but_not_in) + "(") != std::string::npos);
        bool of_the_c_library = frame.file.starts_with("./");
        if (!frame.ours && !frame.file.empty() && !of_the_c_library && !left_out) return text_of(frame);
    }
    return {};
}

}  // namespace stepwise::detail
