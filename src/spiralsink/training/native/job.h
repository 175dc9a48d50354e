// What the kernel is compiled for, what it is given, and the memory it works in.

#pragma once

#include <cstdlib>
#include <cstring>

#include "vectors.h"

namespace {

constexpr int NX = N_FEATURES, NH = N_HIDDEN, NY = N_OUTPUTS;
constexpr int AT_H = NH * NX, AT_Y = AT_H + NH * NH, AT_BH = AT_Y + (TIED ? 0 : NH * NY), AT_BY = AT_BH + BIAS_H * NH;
constexpr int SIZE = AT_BY + BIAS_Y * NY;
constexpr int COLUMNS = NH + NX + BIAS_H;  // what a hidden unit receives: phi(h_{t-1}), x_t and the bias
constexpr int READ = NH + BIAS_Y;          // what an output receives
constexpr bool IN_REGISTERS = NH * COLUMNS + NY * READ <= 20;
constexpr int TILE = 8, TILES = (NH + TILE - 1) / TILE;
// From one step to the next in arrays of hidden units; odd, so that the steps of a unit do not share a set of the cache.
constexpr int ROW = NH < 16 ? NH : NH | 1;

}  // namespace

extern "C" {

// All arrays are C-contiguous; `lanes` is the number of networks of the stack.
struct Job {
    int64_t lanes, horizon, burn_in, batch, sequences;      // sequences: that count, in all batches of `evaluate`
    int64_t taps, deepest_tap, deepest_tie;                 // taps of a network; the largest lags of taps and of ties
    int64_t first_step, steps, total_steps;                 // total_steps: of the cosine schedule, 0 for a constant rate
    float *parameters, *momentum, *scale;                   // (lanes, SIZE): weights and Adam's two moments
    float *gradient;                                        // (lanes, SIZE): if given, it is stored and nothing moves
    float *loss;                                            // (lanes,): of the last step
    uint8_t *alive;                                         // (lanes,)
    double *sums;                                           // (lanes, 2 + NY): what `evaluate` adds up
    const uint32_t *keys;                                   // (lanes, 2); for `evaluate` (steps, 2), one of each batch
    const uint32_t *threshold;                              // (lanes, NX): active where the word is not above it
    const float *low, *slope;                               // (lanes, NX): x = low + slope (word / 2)
    const int32_t *tap_ends;                                // (lanes, NY): where the taps of each output end
    const int32_t *tap_lag, *tap_feature;                   // (lanes, taps)
    const float *tap_value;                                 // (lanes, taps)
    const float *importance;                                // (NY,)
    const float *leak;                                      // (lanes,)
    const int32_t *tied_lag;                                // (lanes,)
    const float *learning_rate;                             // (lanes,)
    double clip;
};
}

namespace {

// Times leak, where they write to the state. `into` and `from` are W_h and its transpose in the order in which products
// read them: for each tile of rows, column after column.
struct Weights {
    float x[NH][NX], h[NH][NH], y[NH][NY], bias_h[NH], bias_y[NY], keep;
    float into[TILES][NH][TILE], from[TILES][NH][TILE];
};

struct Scratch {
    Weights *weights;
    Vector *inputs;   // (deepest_tap + horizon, NX), zeros before the first step
    Vector *states;   // (1 + horizon, ROW), zeros first
    Vector *actives;  // (1 + horizon, ROW): phi of the states; tanh only
    Vector *errors;   // (horizon, NY): dL/dy / 2
    Vector *deltas;   // (horizon, ROW): dL/dh / 2; where gradients do not stay in registers
    Vector *sums;     // (NH, COLUMNS) and (NY, READ)
    float *ties;      // (2, deepest_tie + 1, NH, NX): D_s and dL/dD_s
    float *gradient;  // (SIZE)
    float *moved;     // (3, SIZE): parameters and moments after a step
};

template <class T>
T *carve(char *&free, int64_t count) {
    T *found = reinterpret_cast<T *>(free);
    free += (count * (int64_t)sizeof(T) + 63) / 64 * 64;
    return found;
}

int64_t lay_out(const Job &job, Scratch &at, char *memory) {
    char *free = memory;
    at.weights = carve<Weights>(free, 1);
    at.inputs = carve<Vector>(free, (job.deepest_tap + job.horizon) * NX);
    at.states = carve<Vector>(free, (job.horizon + 1) * ROW);
    at.actives = carve<Vector>(free, RECURRENCE == 2 ? (job.horizon + 1) * ROW : 0);
    at.errors = carve<Vector>(free, job.horizon * NY);
    at.deltas = carve<Vector>(free, IN_REGISTERS ? 0 : job.horizon * ROW);
    at.sums = carve<Vector>(free, NH * COLUMNS + NY * READ);
    at.ties = carve<float>(free, TIED ? 2 * (job.deepest_tie + 1) * NH * NX : 0);
    at.gradient = carve<float>(free, SIZE);
    at.moved = carve<float>(free, 3 * SIZE);
    return free - memory;
}

// Scratch memory, zeroed; freed with it.
struct Workspace {
    Scratch at;
    char *memory;

    explicit Workspace(const Job &job) {
        const int64_t bytes = lay_out(job, at, nullptr);
        memory = static_cast<char *>(std::aligned_alloc(64, bytes));
        if (!memory) return;
        std::memset(memory, 0, bytes);
        lay_out(job, at, memory);
    }
    Workspace(const Workspace &) = delete;
    ~Workspace() { std::free(memory); }
};

}  // namespace
