// Durations counted in buckets that are never wider than 0.8 % of what they
// hold, or 8 ns.
#ifndef CLIENT_LOAD_HISTOGRAM_H_
#define CLIENT_LOAD_HISTOGRAM_H_

#include <chrono>
#include <cstdint>
#include <vector>

namespace attention::load {

// Nanoseconds to an hour, in 1 KB for each power of two from the shortest to
// the longest that was recorded: 34 KB at most. Longer durations are counted in
// the last bucket, negative ones as zero. Copyable; not thread-safe: each
// thread records into its own, and Merge adds them up.
class Histogram {
 public:
  using Duration = std::chrono::nanoseconds;

  void Record(Duration value);
  void Merge(const Histogram& other);

  std::int64_t count() const { return count_; }
  // Exact, the mean but for rounding. Zero when nothing was recorded.
  Duration min() const;
  Duration max() const { return max_; }
  Duration mean() const;

  // The smallest recorded duration that at least `percent` per cent of all do
  // not exceed (nearest rank). Range (0, 100].
  Duration Percentile(double percent) const;

  // Of `count` durations, which one that is, from 1 on.
  static std::int64_t RankOf(double percent, std::int64_t count);

  // The duration of that rank, within 0.4 % or 4 ns. The first and the last one
  // are exact.
  Duration AtRank(std::int64_t rank) const;

  // How many are at most `value`, to the width of a bucket.
  std::int64_t CountUpTo(Duration value) const;

 private:
  // Makes room for these buckets and what is between them.
  void Cover(std::int64_t first, std::int64_t last);

  std::vector<std::int64_t> buckets_{};
  std::int64_t first_ = 0;  // that buckets_ begins with
  std::int64_t count_ = 0;
  double sum_ = 0;  // of nanoseconds
  Duration min_ = Duration::max();
  Duration max_ = Duration::zero();
};

}  // namespace attention::load

#endif  // CLIENT_LOAD_HISTOGRAM_H_
