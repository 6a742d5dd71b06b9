// Decides what goes wrong, by rule or by chance, and remembers it: the same seed makes the same faults strike.
//
// Each kind draws from numbers of its own, so that one fault more or less of another kind shifts nothing. A fault that
// chance brings has a number, from 0; Options::faults_max and faults_left_out keep some of them from striking. A rule
// strikes at an occasion of its kind, whatever chance says.
#pragma once

#include <stepwise/runtime/seeded_random.hpp>
#include <stepwise/runtime/sim/options.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace stepwise::sim {

class Faults {
public:
    Faults(const Options& options, const SeededRandom& random) : options_(options), rules_(options.strikes) {
        for (std::size_t kind = 0; kind < fault_kinds; ++kind) draws_.push_back(random.branch(100 + kind));
    }

    // Whether it happens now.
    bool strikes(Fault fault) {
        auto kind = static_cast<std::size_t>(fault);
        if (strikes_by_rule(fault, ++occasions_[kind])) return true;
        double chance = options_.chances[kind];
        if (chance <= 0 || paused_ || !draws_[kind].chance(chance)) return false;
        std::uint64_t number = drawn_++;
        const std::vector<std::uint64_t>& left_out = options_.faults_left_out;
        if (number >= options_.faults_max || std::ranges::find(left_out, number) != left_out.end()) return false;
        struck_.push_back({number, fault, false});
        return true;
    }
    // A rule: the next time that it could strike it does.
    void strike_next(Fault fault) { rules_.push_back({fault, occasions_[static_cast<std::size_t>(fault)] + 1}); }
    // Less than `bound`, which is not zero: how much, how long.
    std::uint64_t below(Fault fault, std::uint64_t bound) {
        return draws_[static_cast<std::size_t>(fault)].below(bound);
    }

    // From here on nothing goes wrong by chance: for the end of a test, which wants to see everything settle.
    void pause() noexcept { paused_ = true; }
    void resume() noexcept { paused_ = false; }

    struct Struck {
        std::uint64_t number;  // of those that chance brought; by rule: the occasion
        Fault fault;
        bool by_rule;
    };
    const std::vector<Struck>& struck() const noexcept { return struck_; }

private:
    bool strikes_by_rule(Fault fault, std::uint64_t occasion) {
        const auto is_now = [=](const Strike& rule) { return rule.fault == fault && rule.occasion == occasion; };
        if (std::ranges::none_of(rules_, is_now)) return false;
        struck_.push_back({occasion, fault, true});
        return true;
    }

    const Options& options_;
    std::vector<Strike> rules_;
    std::array<std::uint64_t, fault_kinds> occasions_{};
    std::vector<SeededRandom> draws_;
    std::vector<Struck> struck_;
    std::uint64_t drawn_ = 0;
    bool paused_ = false;
};

}  // namespace stepwise::sim
