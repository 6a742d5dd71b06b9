#include <stepwise/runtime/diagnostics/function_name.hpp>
#include <stepwise/runtime/diagnostics/stack_trace.hpp>

#include <stepwise_config.hpp>

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#if STEPWISE_HAS_LIBDW
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#endif

namespace stepwise::detail {

namespace {

constinit thread_local int tellings = 0;
constinit thread_local Duration spent_telling{};

bool has_any_prefix(std::string_view text, std::initializer_list<std::string_view> prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(), [text](auto prefix) { return text.starts_with(prefix); });
}

// Members and thunks, too.
bool is_name_of_runtime(std::string_view mangled) {
    return has_any_prefix(mangled, {"_ZN8stepwise", "_ZNK8stepwise", "_ZThn"});
}

// "serve()" is "shop::serve()": what has no linkage is told without its namespaces.
bool is_same_function(std::string_view one, std::string_view other) {
    std::string_view shorter = one.size() < other.size() ? one : other;
    std::string_view longer = one.size() < other.size() ? other : one;
    if (shorter.empty() || !longer.ends_with(shorter)) return false;
    return longer.size() == shorter.size() || longer[longer.size() - shorter.size() - 1] == ':';
}

std::string demangled(const char* name) {
    int status = 0;
    std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
    return status == 0 ? std::string(text.get()) : std::string(name);
}

StackFrame frame_of(const char* mangled) {
    StackFrame frame{plain_function_name(demangled(mangled)), {}, 0, StackFrame::Of::system};
    if (is_name_of_runtime(mangled)) frame.of = StackFrame::Of::runtime;
    return frame;
}

StackFrame known_to_linker(void* address) {
    Dl_info info{};
    if (::dladdr(address, &info) == 0) return {fmt::format("{}", address), {}, 0, StackFrame::Of::system};
    if (info.dli_sname != nullptr) return frame_of(info.dli_sname);
    auto offset = static_cast<char*>(address) - static_cast<char*>(info.dli_fbase);
    return {fmt::format("{}+{:#x}", info.dli_fname, offset), {}, 0, StackFrame::Of::system};
}

#if STEPWISE_HAS_LIBDW

bool is_name_of_system(std::string_view mangled) {
    return has_any_prefix(mangled, {"_ZNSt", "_ZNKSt", "_ZSt"});
}

class Symbols {
public:
    Symbols() : session_(::dwfl_begin(&callbacks), &::dwfl_end) {
        if (session_ == nullptr) return;
        ::dwfl_report_begin(session_.get());
        if (::dwfl_linux_proc_report(session_.get(), ::getpid()) != 0 ||
            ::dwfl_report_end(session_.get(), nullptr, nullptr) != 0) {
            session_.reset();
        }
        root_ = find_root();
    }

    // The function in which the address stands, after those that were put inline there. What is not the program's own
    // module is not looked into: that is slow, and nobody can change it.
    void add(void* pointer, std::vector<StackFrame>& to) const {
        auto address = reinterpret_cast<Dwarf_Addr>(pointer);
        Dwfl_Module* module = session_ == nullptr ? nullptr : ::dwfl_addrmodule(session_.get(), address);
        Dwarf_Addr bias = 0;
        Dwarf_Die* unit =
            module == nullptr || is_of_system(module) ? nullptr : ::dwfl_module_addrdie(module, address, &bias);
        const char* mangled = module == nullptr ? nullptr : ::dwfl_module_addrname(module, address);
        if (unit == nullptr) {
            to.push_back(mangled == nullptr ? known_to_linker(pointer) : frame_of(mangled));
            return;
        }
        Place place = place_of(module, address);
        Scopes around(unit, address - bias);
        for (Dwarf_Die& scope : around.all()) {
            int tag = ::dwarf_tag(&scope);
            if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram) continue;
            to.push_back(frame_at(linkage_name(&scope), absolute(unit, place.file), place.line));
            if (tag == DW_TAG_subprogram) return;
            place = place_of_call(unit, &scope);
        }
        // A lambda's or a coroutine's body that stands within another function's description is not found from outside.
        to.push_back(frame_at(mangled, absolute(unit, place.file), place.line));
    }

private:
    // The scopes around an address, innermost first. dwarf_getscopes goes on from an inlined function with what is
    // around its definition; dwarf_getscopes_die tells what is around its call.
    class Scopes {
    public:
        Scopes(Dwarf_Die* unit, Dwarf_Addr address) {
            Dwarf_Die* innermost = nullptr;
            if (unit == nullptr || ::dwarf_getscopes(unit, address, &innermost) <= 0) return;
            std::unique_ptr<Dwarf_Die, decltype(&std::free)> held(innermost, &std::free);
            count_ = ::dwarf_getscopes_die(innermost, &all_);
        }
        Scopes(const Scopes&) = delete;
        Scopes& operator=(const Scopes&) = delete;
        ~Scopes() { std::free(all_); }
        std::span<Dwarf_Die> all() const noexcept { return {all_, count_ < 0 ? 0 : static_cast<std::size_t>(count_)}; }

    private:
        Dwarf_Die* all_ = nullptr;
        int count_ = 0;
    };

    static bool is_of_system(Dwfl_Module* module) {
        const char* name = ::dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
        return name == nullptr || has_any_prefix(name, {"/lib", "/usr/lib", "[vdso"});
    }
    struct Place {
        std::string_view file;
        int line = 0;
    };

    static Place place_of(Dwfl_Module* module, Dwarf_Addr address) {
        int number = 0;
        Dwfl_Line* line = ::dwfl_module_getsrc(module, address);
        const char* file =
            line == nullptr ? nullptr : ::dwfl_lineinfo(line, nullptr, &number, nullptr, nullptr, nullptr);
        return {file == nullptr ? "" : file, number};
    }
    static Place place_of_call(Dwarf_Die* unit, Dwarf_Die* inlined) {
        Dwarf_Attribute attribute;
        Dwarf_Word file = 0;
        Dwarf_Word line = 0;
        ::dwarf_formudata(::dwarf_attr(inlined, DW_AT_call_file, &attribute), &file);
        ::dwarf_formudata(::dwarf_attr(inlined, DW_AT_call_line, &attribute), &line);
        Dwarf_Files* files = nullptr;
        const char* name =
            ::dwarf_getsrcfiles(unit, &files, nullptr) == 0 ? ::dwarf_filesrc(files, file, nullptr, nullptr) : nullptr;
        return {name == nullptr ? "" : name, static_cast<int>(line)};
    }
    static std::string absolute(Dwarf_Die* unit, std::string_view file) {
        Dwarf_Attribute attribute;
        const char* folder = ::dwarf_formstring(::dwarf_attr(unit, DW_AT_comp_dir, &attribute));
        if (file.empty() || folder == nullptr) return std::string(file);
        return (std::filesystem::path(folder) / file).lexically_normal().string();
    }
    StackFrame frame_at(const char* mangled, const std::string& file, int line) const {
        StackFrame frame = frame_of(mangled == nullptr ? "?" : mangled);
        frame.file = short_path(file);
        frame.line = line;
        if (is_of_runtime(file)) {
            frame.of = StackFrame::Of::runtime;
        } else if (frame.of != StackFrame::Of::runtime && !file.empty() && !file.starts_with("/usr/") &&
                   !is_name_of_system(mangled == nullptr ? "" : mangled)) {
            frame.of = StackFrame::Of::program;
        }
        return frame;
    }
    // Installed headers, and the folders beside this one.
    bool is_of_runtime(std::string_view file) const {
        for (std::string_view folder : {"runtime/", "net/", "ws/"}) {
            if (file.find(fmt::format("/stepwise/{}", folder)) != file.npos) return true;
            if (root_ && file.starts_with(*root_ + std::string(folder))) return true;
        }
        return false;
    }
    // Where the runtime's sources stood, perhaps "": what is before the name of this one.
    std::optional<std::string> find_root() const {
        constexpr std::string_view this_file = "runtime/diagnostics/stack_trace.cpp";
        auto address = reinterpret_cast<Dwarf_Addr>(&short_path);
        Dwfl_Module* module = session_ == nullptr ? nullptr : ::dwfl_addrmodule(session_.get(), address);
        Dwarf_Addr bias = 0;
        Dwarf_Die* unit = module == nullptr ? nullptr : ::dwfl_module_addrdie(module, address, &bias);
        if (unit == nullptr) return {};
        std::string file = absolute(unit, place_of(module, address).file);
        if (!file.ends_with(this_file)) return {};
        return file.substr(0, file.size() - this_file.size());
    }
    static const char* linkage_name(Dwarf_Die* die) {
        Dwarf_Attribute attribute;
        const char* name = ::dwarf_formstring(::dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));
        return name == nullptr ? ::dwarf_diename(die) : name;
    }

    static char* debug_path;
    static const Dwfl_Callbacks callbacks;
    std::unique_ptr<Dwfl, decltype(&::dwfl_end)> session_;
    std::optional<std::string> root_;
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

std::string short_path(std::string_view file) {
    if (file.starts_with('/')) {
        std::error_code error;
        std::filesystem::path normal = std::filesystem::path(file).lexically_normal();
        std::filesystem::path here = std::filesystem::current_path(error);
        std::filesystem::path relative = error ? std::filesystem::path() : normal.lexically_relative(here);
        bool is_below = !relative.empty() && *relative.begin() != "..";
        return is_below ? relative.string() : normal.string();
    }
    while (has_any_prefix(file, {"../", "./"})) file.remove_prefix(file.find('/') + 1);
    return std::string(file);
}

std::vector<StackFrame> symbolize(std::span<void* const> addresses) {
    Telling telling;
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

std::string first_place_of_program(std::span<void* const> addresses, std::string_view but_for) {
    for (const StackFrame& frame : symbolize(addresses)) {
        if (frame.of != StackFrame::Of::program) continue;
        if (!is_same_function(frame.function, but_for)) return text_of(frame);
        but_for = {};
    }
    return {};
}

Telling::Telling() noexcept : began_(std::chrono::steady_clock::now()) {
    ++tellings;
}
Telling::~Telling() {
    if (--tellings == 0) spent_telling += std::chrono::steady_clock::now() - began_;
}
bool Telling::now() noexcept {
    return tellings != 0;
}
Duration Telling::spent() noexcept {
    return spent_telling;
}

}  // namespace stepwise::detail
