// Through time and back, for as many sequences of one network as a vector holds.

#pragma once

#include "job.h"

namespace {

ALWAYS_INLINE Vector activate(Vector v) {
    if constexpr (RECURRENCE == 1) return rectify(v);
    if constexpr (RECURRENCE == 2) return hyperbolic(v);
    return v;
}

// delta * phi'(state), with active = phi(state)
ALWAYS_INLINE Vector through(Vector delta, Vector state, Vector active) {
    if constexpr (RECURRENCE == 1) return state > 0 ? delta : Vector{};
    if constexpr (RECURRENCE == 2) return delta * (1.0f - active * active);
    return delta;
}

ALWAYS_INLINE Vector activity(const Scratch &at, int64_t t, int j) {
    if constexpr (RECURRENCE == 2) return at.actives[t * ROW + j];
    return activate(at.states[t * ROW + j]);
}

struct Key {
    uint32_t first, second;
};

// The key of a network at a step, from that of the network.
inline Key at_step(const uint32_t *key, int64_t step) {
    return {mixed((uint32_t)(2 * step), key[0], key[1]), mixed((uint32_t)(2 * step + 1), key[0], key[1])};
}

// The inputs of the sequences of a batch from `begin` on, of one word each. Behind the last sequence comes the last one
// again: what does not count is infinite only where something that counts is.
void draw(const Job &job, const Scratch &at, int64_t lane, Key key, int64_t begin) {
    Words counter;
    for (int i = 0; i < LANES; i++) counter[i] = begin + i < job.batch ? i : job.batch - 1 - begin;
    for (int f = 0; f < NX; f++) {
        const int64_t place = lane * NX + f;
        const uint32_t threshold = job.threshold[place];
        const float low = job.low[place], slope = job.slope[place];
        for (int64_t t = 0; t < job.horizon; t++) {
            const Words word = mixed(counter + (uint32_t)((f * job.horizon + t) * job.batch + begin), key.first, key.second);
            const Vector value = low + slope * __builtin_convertvector((Integers)(word >> 1), Vector);
            at.inputs[(job.deepest_tap + t) * NX + f] = word <= threshold ? value : Vector{};
        }
    }
}

// sum += tile times values, for the first rows of a tile.
template <int ROWS>
ALWAYS_INLINE void multiply(const float (*tile)[TILE], const Vector *values, Vector *sum) {
    for (int j = 0; j < NH; j++) UNROLL for (int r = 0; r < ROWS; r++) sum[r] += tile[j][r] * values[j];
}

template <int ROWS>
ALWAYS_INLINE void next_state(const Weights &w, const Scratch &at, const Vector *active, int64_t t, const Vector *x, int i) {
    Vector sum[ROWS];
    UNROLL for (int r = 0; r < ROWS; r++) {
        sum[r] = BIAS_H ? broadcast(w.bias_h[i + r]) : Vector{};
        if constexpr (LEAKY) sum[r] += w.keep * at.states[t * ROW + i + r];
    }
    UNROLL for (int f = 0; f < NX; f++) UNROLL for (int r = 0; r < ROWS; r++) sum[r] += w.x[i + r][f] * x[f];
    multiply<ROWS>(w.into[i / TILE], active, sum);
    UNROLL for (int r = 0; r < ROWS; r++) at.states[(t + 1) * ROW + i + r] = sum[r];
}

constexpr int FLUSH_EVERY = 64;  // steps whose squares are summed in float32 before they join those in float64

// To learn: returns the weighted sum of squared errors and keeps their derivatives. Otherwise: adds the squared errors
// of the counted steps to `squares`, by output.
template <bool LEARN>
ALWAYS_INLINE Vector forward(const Job &job, const Scratch &at, int64_t lane, Vector weight,
                             double (*squares)[LANES]) {
    const Weights &w = *at.weights;
    Vector loss = {}, recent[NY] = {};
    Vector active[NH] = {};
    const int32_t *ends = job.tap_ends + lane * NY;
    for (int64_t t = 0; t < job.horizon; t++) {
        const Vector *x = at.inputs + (job.deepest_tap + t) * NX;
        if constexpr (NH >= TILE)
            for (int i = 0; i + TILE <= NH; i += TILE) next_state<TILE>(w, at, active, t, x, i);
        if constexpr (NH % TILE) next_state<NH % TILE>(w, at, active, t, x, NH - NH % TILE);
        const Vector *state = at.states + (t + 1) * ROW;
        UNROLL for (int j = 0; j < NH; j++) {
            active[j] = activate(state[j]);
            if constexpr (RECURRENCE == 2) at.actives[(t + 1) * ROW + j] = active[j];
        }
        UNROLL for (int o = 0; o < NY; o++) {
            Vector y = BIAS_Y ? broadcast(w.bias_y[o]) : Vector{};
            UNROLL for (int j = 0; j < NH; j++) y += w.y[j][o] * state[j];
            Vector error = READOUT ? rectify(y) : y;
            for (int64_t tap = o ? ends[o - 1] : 0; tap < ends[o]; tap++) {
                const Vector *then = x - (int64_t)job.tap_lag[lane * job.taps + tap] * NX;
                error -= job.tap_value[lane * job.taps + tap] * then[job.tap_feature[lane * job.taps + tap]];
            }
            if constexpr (LEARN) {
                // selected, not multiplied by zero: an error that does not count may be infinite
                const Vector counted = t >= job.burn_in ? weight : Vector{};
                error = counted > 0 ? error : Vector{};
                const Vector weighted = error * (job.importance[o] * counted);
                loss += weighted * error;
                at.errors[t * NY + o] = READOUT ? (y > 0 ? weighted : Vector{}) : weighted;
            } else if (t >= job.burn_in) {
                recent[o] += error * error;
                if (t % FLUSH_EVERY && t + 1 < job.horizon) continue;
                for (int i = 0; i < LANES; i++) squares[o][i] += recent[o][i];
                recent[o] = Vector{};
            }
        }
    }
    return loss;
}

template <int ROWS>
ALWAYS_INLINE void passed_back(const Weights &w, const Vector *delta, Vector *back, int j) {
    Vector sum[ROWS] = {};
    multiply<ROWS>(w.from[j / TILE], delta, sum);
    UNROLL for (int r = 0; r < ROWS; r++) back[j + r] = sum[r];
}

// Column c of what hidden units received at step t: phi(h_{t-1}), x_t, 1.
ALWAYS_INLINE Vector received(const Job &job, const Scratch &at, int64_t t, int c) {
    if (c < NH) return activity(at, t, c);
    if (c < NH + NX) return at.inputs[(job.deepest_tap + t) * NX + c - NH];
    return broadcast(1.0f);
}

ALWAYS_INLINE void backward(const Job &job, const Scratch &at) {
    const Weights &w = *at.weights;
    Vector later[NH] = {};
    Vector sums[IN_REGISTERS ? NH * COLUMNS : 1], read[IN_REGISTERS ? NY * READ : 1];
    if constexpr (IN_REGISTERS) {
        std::memcpy(sums, at.sums, sizeof sums);
        std::memcpy(read, at.sums + NH * COLUMNS, sizeof read);
    }
    for (int64_t t = job.horizon - 1; t >= 0; t--) {
        const Vector *error = at.errors + t * NY, *state = at.states + (t + 1) * ROW;
        Vector delta[NH], back[NH];
        UNROLL for (int i = 0; i < NH; i++) {
            delta[i] = later[i];
            UNROLL for (int o = 0; o < NY; o++) delta[i] += w.y[i][o] * error[o];
        }
        if constexpr (IN_REGISTERS) {
            UNROLL for (int o = 0; o < NY; o++) {
                UNROLL for (int j = 0; j < NH; j++) read[o * READ + j] += error[o] * state[j];
                if constexpr (BIAS_Y) read[o * READ + NH] += error[o];
            }
            UNROLL for (int c = 0; c < COLUMNS; c++) {
                const Vector given = received(job, at, t, c);
                UNROLL for (int i = 0; i < NH; i++) sums[i * COLUMNS + c] += delta[i] * given;
            }
        } else {
            UNROLL for (int i = 0; i < NH; i++) at.deltas[t * ROW + i] = delta[i];
        }
        if constexpr (NH >= TILE)
            for (int j = 0; j + TILE <= NH; j += TILE) passed_back<TILE>(w, delta, back, j);
        if constexpr (NH % TILE) passed_back<NH % TILE>(w, delta, back, NH - NH % TILE);
        UNROLL for (int j = 0; j < NH; j++) {
            later[j] = through(back[j], at.states[t * ROW + j], activity(at, t, j));
            if constexpr (LEAKY) later[j] += w.keep * delta[j];
        }
    }
    if constexpr (IN_REGISTERS) {
        std::memcpy(at.sums, sums, sizeof sums);
        std::memcpy(at.sums + NH * COLUMNS, read, sizeof read);
    }
}

// sums[i][c] += sum_t left[t][i] right[t][c] for a tile of ROWS x WIDTH
template <int ROWS, int WIDTH, class Left, class Right>
ALWAYS_INLINE void outer(int64_t horizon, Vector *sums, int stride, int i, int c, Left left, Right right) {
    Vector sum[ROWS][WIDTH] = {};
    for (int64_t t = 0; t < horizon; t++) {
        Vector given[WIDTH];
        UNROLL for (int b = 0; b < WIDTH; b++) given[b] = right(t, c + b);
        UNROLL for (int a = 0; a < ROWS; a++) {
            const Vector one = left(t, i + a);
            UNROLL for (int b = 0; b < WIDTH; b++) sum[a][b] += one * given[b];
        }
    }
    UNROLL for (int a = 0; a < ROWS; a++)
        UNROLL for (int b = 0; b < WIDTH; b++) sums[(i + a) * stride + c + b] += sum[a][b];
}

template <int ROWS, int N, class Left, class Right>
ALWAYS_INLINE void outer_rows(int64_t horizon, Vector *sums, int i, Left left, Right right) {
    constexpr int WIDTH = 4, WHOLE = N - N % WIDTH;
    for (int c = 0; c < WHOLE; c += WIDTH) outer<ROWS, WIDTH>(horizon, sums, N, i, c, left, right);
    if constexpr (N % WIDTH) outer<ROWS, N % WIDTH>(horizon, sums, N, i, WHOLE, left, right);
}

template <int M, int N, class Left, class Right>
ALWAYS_INLINE void outer_all(int64_t horizon, Vector *sums, Left left, Right right) {
    constexpr int ROWS = 4, WHOLE = M - M % ROWS;
    for (int i = 0; i < WHOLE; i += ROWS) outer_rows<ROWS, N>(horizon, sums, i, left, right);
    if constexpr (M % ROWS) outer_rows<M % ROWS, N>(horizon, sums, WHOLE, left, right);
}

void gather_gradients(const Job &job, const Scratch &at) {
    outer_all<NH, COLUMNS>(
        job.horizon, at.sums, [&](int64_t t, int i) { return at.deltas[t * ROW + i]; },
        [&](int64_t t, int c) { return received(job, at, t, c); });
    outer_all<NY, READ>(
        job.horizon, at.sums + NH * COLUMNS, [&](int64_t t, int o) { return at.errors[t * NY + o]; },
        [&](int64_t t, int j) { return j < NH ? at.states[(t + 1) * ROW + j] : broadcast(1.0f); });
}

}  // namespace
