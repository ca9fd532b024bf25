// Log-linear buckets: 128 of equal width for every power of two.
#include "client/load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <numeric>

namespace attention::load {
namespace {

// 2^7 = 128 buckets an octave: the widest is 1/128 of where it starts.
constexpr int kOctaveBits = 7;
constexpr std::int64_t kOctaveBuckets = 1 << kOctaveBits;
// Below 2^10 ns, about a microsecond, all buckets are as wide as above it.
constexpr int kSmallestShift = 3;
constexpr std::int64_t kLongestNs =
    std::chrono::nanoseconds(std::chrono::hours(1)).count();

// The bits of a duration that its bucket does not tell apart.
constexpr int Shift(std::int64_t ns) {
  // Not int in every standard library.
  const auto width =
      static_cast<int>(std::bit_width(static_cast<std::uint64_t>(ns)));
  return std::max(width - (kOctaveBits + 1), kSmallestShift);
}

// Of a duration from 0 to kLongestNs. The bits that are left number the bucket
// in its octave, 128 to 255, which is what continues the octave before.
constexpr std::int64_t BucketOf(std::int64_t ns) {
  const int shift = Shift(ns);
  return (shift - kSmallestShift) * kOctaveBuckets + (ns >> shift);
}

std::int64_t MiddleOf(std::int64_t bucket) {
  // The first octave and what is below it have the same width.
  const std::int64_t octave =
      std::max<std::int64_t>(bucket / kOctaveBuckets - 1, 0);
  const std::int64_t shift = octave + kSmallestShift;
  const std::int64_t start = (bucket - octave * kOctaveBuckets) << shift;
  return start + ((std::int64_t{1} << shift) - 1) / 2;
}

}  // namespace

void Histogram::Record(Duration value) {
  value = std::max(value, Duration::zero());
  const std::int64_t bucket = BucketOf(std::min(value.count(), kLongestNs));
  Cover(bucket, bucket);
  ++buckets_[bucket - first_];
  ++count_;
  sum_ += static_cast<double>(value.count());
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
}

void Histogram::Cover(std::int64_t first, std::int64_t last) {
  const auto size = static_cast<std::int64_t>(buckets_.size());
  if (first >= first_ && last < first_ + size) return;
  // Whole octaves, so that there is rarely more to be done.
  first = first / kOctaveBuckets * kOctaveBuckets;
  last = last / kOctaveBuckets * kOctaveBuckets + kOctaveBuckets - 1;
  if (buckets_.empty()) first_ = first;
  if (first < first_) {
    buckets_.insert(buckets_.begin(), first_ - first, 0);
    first_ = first;
  }
  buckets_.resize(std::max<std::size_t>(buckets_.size(), last + 1 - first_));
}

void Histogram::Merge(const Histogram& other) {
  if (other.count_ == 0) return;
  Cover(other.first_,
        other.first_ + static_cast<std::int64_t>(other.buckets_.size()) - 1);
  const auto begin = buckets_.begin() + (other.first_ - first_);
  std::transform(other.buckets_.begin(), other.buckets_.end(), begin, begin,
                 std::plus<>());
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

Histogram::Duration Histogram::min() const {
  return count_ == 0 ? Duration::zero() : min_;
}

Histogram::Duration Histogram::mean() const {
  return count_ == 0
             ? Duration::zero()
             : Duration(std::llround(sum_ / static_cast<double>(count_)));
}

Histogram::Duration Histogram::Percentile(double percent) const {
  return AtRank(RankOf(percent, count_));
}

std::int64_t Histogram::RankOf(double percent, std::int64_t count) {
  // Rounding may lift 99.9 % of 1000 above 999; it must not reach the next.
  constexpr double kBelow = 1 - 1e-12;
  return static_cast<std::int64_t>(
      std::ceil(percent * static_cast<double>(count) / 100 * kBelow));
}

Histogram::Duration Histogram::AtRank(std::int64_t rank) const {
  if (rank <= 1) {
    return min();
  }
  if (rank >= count_) {
    return max_;
  }
  std::int64_t bucket = -1;
  for (std::int64_t seen = 0; seen < rank;) {
    seen += buckets_[++bucket];
  }
  return std::clamp(Duration(MiddleOf(first_ + bucket)), min_, max_);
}

std::int64_t Histogram::CountUpTo(Duration value) const {
  if (value >= max_) {
    return count_;
  }
  if (value < min_) {
    return 0;
  }
  const std::int64_t last = BucketOf(std::min(value.count(), kLongestNs));
  const auto end = buckets_.begin() + (last - first_) + 1;
  return std::accumulate(buckets_.begin(), end, std::int64_t{0});
}

}  // namespace attention::load
