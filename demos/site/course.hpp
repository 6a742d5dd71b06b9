// The course as pages: the list of the chapters, each chapter in each language, its figures, and the sources it names.
//
// Every answer is made from the files of a checkout when it is asked for, so a chapter that is being written is seen by
// loading the page again. An address is taken apart into names of letters, digits, `-` and `_` before any file is
// touched: no address can leave the folders that are served.
// answer() reads files and so blocks: call it on the loop's executor. It is const and may run on many threads at once.
#pragma once

#include <filesystem>
#include <stepwise/net/http/message.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace course {

namespace http = stepwise::http;

struct Words;

class Course {
public:
    // `folder` is the tutorial/ of a checkout.
    explicit Course(std::filesystem::path folder);

    // For what stands in an address behind /course/, decoded. `accept_language` decides where no language is named.
    http::Response answer(std::string_view path, std::string_view accept_language) const;

private:
    struct Chapter {
        std::string slug;  // 01-sync
        std::string title;
    };
    struct Page {
        std::string title;
        std::string content;
        std::string switch_address;  // the same page in the other language; empty: none
        std::string footer;
    };

    std::vector<Chapter> chapters(const Words& words) const;
    http::Response list(const Words& words) const;
    http::Response chapter(const Words& words, std::string_view slug) const;
    http::Response figure(const Words& words, std::string_view name) const;
    http::Response source(const Words& words, std::string_view path) const;
    http::Response not_found(const Words& words) const;
    http::Response page(const Words& words, int status, const Page& page) const;
    std::string markdown(std::string_view text, std::string_view path) const;
    std::string neighbours(const Words& words, std::string_view slug) const;

    std::filesystem::path root_;  // of the checkout
    std::string folder_name_;     // of the course in it
};

}  // namespace course
