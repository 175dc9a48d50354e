// Vectors of floats, one sequence in each place, and the elementary functions on them.

#pragma once

#include <cstdint>

namespace {

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif

typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef uint32_t Words __attribute__((vector_size(4 * LANES)));
typedef int32_t Integers __attribute__((vector_size(4 * LANES)));

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 32")

ALWAYS_INLINE Vector broadcast(float value) { return Vector{} + value; }

// A NaN passes, so that it reaches the loss.
ALWAYS_INLINE Vector rectify(Vector v) { return v < 0 ? Vector{} : v; }

ALWAYS_INLINE Vector exp_clamped(Vector v) {
    v = v > 88.0f ? broadcast(88.0f) : v;
    v = v < -87.0f ? broadcast(-87.0f) : v;
    const Vector shifted = v * 1.44269504f + 12582912.0f;  // 1.5 2^23: the sum holds the rounded exponent
    const Vector whole = shifted - 12582912.0f;
    Vector rest = v - whole * 0.693359375f;
    rest = rest + whole * 2.12194440e-4f;
    Vector sum = broadcast(1.0f / 5040);
    sum = sum * rest + 1.0f / 720;
    sum = sum * rest + 1.0f / 120;
    sum = sum * rest + 1.0f / 24;
    sum = sum * rest + 1.0f / 6;
    sum = sum * rest + 0.5f;
    sum = sum * rest + 1.0f;
    sum = sum * rest + 1.0f;
    const Words power = ((Words)shifted - 0x4b400000u + 127u) << 23;
    return sum * (Vector)power;
}

// tanh v = (e^{2v} - 1) / (e^{2v} + 1); near zero by its series, where that difference cancels.
ALWAYS_INLINE Vector hyperbolic(Vector v) {
    const Vector size = v < 0 ? -v : v;
    const Vector outer = 1.0f - 2.0f / (exp_clamped(2.0f * size) + 1.0f);
    const Vector square = size * size;
    Vector inner = broadcast(21844.0f / 6081075);
    inner = inner * square - 1382.0f / 155925;
    inner = inner * square + 62.0f / 2835;
    inner = inner * square - 17.0f / 315;
    inner = inner * square + 2.0f / 15;
    inner = inner * square - 1.0f / 3;
    inner = size + size * square * inner;
    const Vector magnitude = size < 0.4f ? inner : outer;
    const Vector result = v < 0 ? -magnitude : magnitude;
    return v == v ? result : v;
}

ALWAYS_INLINE float total(Vector v) {
    float sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += v[lane];
    return sum;
}

// One 32-bit word of a counter and two key words: the mixing steps of Wellons' triple32, the second key word between.
template <class Word>
ALWAYS_INLINE Word mixed(Word z, uint32_t first, uint32_t second) {
    z += first;
    z ^= z >> 17;
    z *= 0xed5ad4bbu;
    z ^= second;
    z ^= z >> 11;
    z *= 0xac4c1b51u;
    z ^= z >> 15;
    z *= 0x31848babu;
    z ^= z >> 14;
    return z;
}

}  // namespace
