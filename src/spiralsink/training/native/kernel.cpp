// Trains small recurrent networks on sampled filter tasks: data, forward, backward and Adam of one network at a time,
// sequences along the vector lanes. Compiled for one shape:
//
//   N_FEATURES N_HIDDEN N_OUTPUTS   sizes
//   RECURRENCE  0 linear, 1 relu, 2 tanh        READOUT  0 linear, 1 relu
//   TIED  W_y = D_lag instead of weights         LEAKY  leak other than 1
//   BIAS_H BIAS_Y  whether there are biases
//
// h_t = (1 - a) h_{t-1} + a (W_x x_t + W_h phi(h_{t-1}) + b_h),  y_t = phi_y(W_y^T h_t + b_y),  h_0 = 0.
// Parameters of a network, in this order: W_x (hidden, features), W_h (hidden, hidden), W_y (hidden, outputs) unless
// tied, b_h, b_y. Losses are (1 / (B (T - b))) sum over sequences and steps t > b of sum_i I_i (y_i - y*_i)^2.

#include <cmath>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "job.h"
#include "passes.h"

namespace {

// D_0 = a W_x, D_{s+1} = (1 - a) D_s + a W_h carried(D_s); carried rectifies for relu recurrence.
void tie(const Scratch &at, int lag) {
    Weights &w = *at.weights;
    float(*D)[NH][NX] = reinterpret_cast<float(*)[NH][NX]>(at.ties);
    std::memcpy(D[0], w.x, sizeof w.x);
    for (int s = 0; s < lag; s++)
        for (int i = 0; i < NH; i++)
            for (int f = 0; f < NX; f++) {
                float sum = LEAKY ? w.keep * D[s][i][f] : 0.0f;
                for (int j = 0; j < NH; j++) {
                    const float given = D[s][j][f];
                    sum += w.h[i][j] * (RECURRENCE == 1 && given < 0 ? 0.0f : given);
                }
                D[s + 1][i][f] = sum;
            }
    for (int i = 0; i < NH; i++)
        for (int f = 0; f < NX && f < NY; f++) w.y[i][f] = D[lag][i][f];
}

// Adds to dL/dW_x and dL/dW_h (both of the weights times leak) what flows through the tie.
void untie(const Job &job, const Scratch &at, int lag) {
    const Weights &w = *at.weights;
    float *gradient = at.gradient;
    const float(*D)[NH][NX] = reinterpret_cast<const float(*)[NH][NX]>(at.ties);
    float(*G)[NH][NX] = reinterpret_cast<float(*)[NH][NX]>(at.ties + (job.deepest_tie + 1) * NH * NX);
    for (int s = lag - 1; s >= 0; s--)
        for (int j = 0; j < NH; j++)
            for (int f = 0; f < NX; f++) {
                const float given = D[s][j][f];
                const bool open = RECURRENCE != 1 || given > 0;
                float sum = 0;
                for (int i = 0; i < NH; i++) {
                    sum += w.h[i][j] * G[s + 1][i][f];
                    if (open) gradient[AT_H + i * NH + j] += G[s + 1][i][f] * given;
                }
                G[s][j][f] = (open ? sum : 0.0f) + (LEAKY ? w.keep * G[s + 1][j][f] : 0.0f);
            }
    for (int i = 0; i < NH; i++)
        for (int f = 0; f < NX; f++) gradient[i * NX + f] += G[0][i][f];
}

void unpack(const Job &job, const Scratch &at, const float *parameters, int64_t lane) {
    Weights &w = *at.weights;
    const float leak = LEAKY ? job.leak[lane] : 1.0f;
    w.keep = 1.0f - leak;
    for (int n = 0; n < NH * NX; n++) (&w.x[0][0])[n] = leak * parameters[n];
    for (int i = 0; i < NH; i++)
        for (int j = 0; j < NH; j++) {
            const float weight = leak * parameters[AT_H + i * NH + j];
            w.h[i][j] = w.into[i / TILE][j][i % TILE] = w.from[j / TILE][i][j % TILE] = weight;
        }
    if constexpr (!TIED)
        for (int n = 0; n < NH * NY; n++) (&w.y[0][0])[n] = parameters[AT_Y + n];
    if constexpr (BIAS_H)
        for (int n = 0; n < NH; n++) w.bias_h[n] = leak * parameters[AT_BH + n];
    if constexpr (BIAS_Y)
        for (int n = 0; n < NY; n++) w.bias_y[n] = parameters[AT_BY + n];
    if constexpr (TIED) tie(at, job.tied_lag[lane]);
}

// Loss of one network at one step, and its gradient in scratch.
float differentiate(const Job &job, const Scratch &at, int64_t lane, Key key) {
    unpack(job, at, job.parameters + lane * SIZE, lane);
    std::memset(at.sums, 0, sizeof(Vector) * (NH * COLUMNS + NY * READ));
    Vector loss = {};
    const float share = 1.0f / ((float)job.batch * (float)(job.horizon - job.burn_in));
    for (int64_t begin = 0; begin < job.batch; begin += LANES) {
        Vector weight = broadcast(share);
        for (int i = 0; i < LANES; i++)
            if (begin + i >= job.batch) weight[i] = 0.0f;
        draw(job, at, lane, key, begin);
        loss += forward<true>(job, at, lane, weight, nullptr);
        backward(job, at);
        if constexpr (!IN_REGISTERS) gather_gradients(job, at);
    }
    const float leak = LEAKY ? job.leak[lane] : 1.0f;
    float *gradient = at.gradient, *at_readout = gradient + AT_Y;
    if constexpr (TIED) at_readout = at.ties + (job.deepest_tie + 1 + job.tied_lag[lane]) * NH * NX;
    for (int i = 0; i < NH; i++) {
        const Vector *row = at.sums + i * COLUMNS;
        for (int j = 0; j < NH; j++) gradient[AT_H + i * NH + j] = 2.0f * total(row[j]);
        for (int f = 0; f < NX; f++) gradient[i * NX + f] = 2.0f * total(row[NH + f]);
        if constexpr (BIAS_H) gradient[AT_BH + i] = 2.0f * leak * total(row[NH + NX]);
    }
    for (int o = 0; o < NY; o++) {
        const Vector *row = at.sums + NH * COLUMNS + o * READ;
        for (int j = 0; j < NH; j++) at_readout[j * NY + o] = 2.0f * total(row[j]);
        if constexpr (BIAS_Y) gradient[AT_BY + o] = 2.0f * total(row[NH]);
    }
    if constexpr (TIED) untie(job, at, job.tied_lag[lane]);
    if constexpr (LEAKY)
        for (int n = 0; n < AT_Y; n++) gradient[n] *= leak;
    return total(loss);
}

// Numbers below 2^-126 count as zero while it lives: states that fade would otherwise cost twenty times the time.
struct FlushDenormals {
#if defined(__SSE__)
    const unsigned before = _mm_getcsr();
    FlushDenormals() { _mm_setcsr(before | 0x8040); }
    ~FlushDenormals() { _mm_setcsr(before); }
#elif defined(__aarch64__)
    uint64_t before;
    FlushDenormals() {
        asm volatile("mrs %0, fpcr" : "=r"(before));
        asm volatile("msr fpcr, %0" ::"r"(before | (1ull << 24)));
    }
    ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(before)); }
#endif
};

bool finite(const float *values, int count) {
    bool all = true;
    for (int n = 0; n < count; n++) all &= std::isfinite(values[n]);
    return all;
}

// One step of Adam after clipping to the norm `clip`; false where something stopped being finite, and nothing moved.
bool descend(const Job &job, const Scratch &at, int64_t lane, int64_t step) {
    const float *gradient = at.gradient;
    float *parameters = job.parameters + lane * SIZE, *momentum = job.momentum + lane * SIZE;
    float *scale = job.scale + lane * SIZE;
    float square = 0;
    for (int n = 0; n < SIZE; n++) square += gradient[n] * gradient[n];
    const float norm = std::sqrt(square);
    const float factor = norm < job.clip || std::isinf(job.clip) ? 1.0f : (float)job.clip / norm;
    double rate = job.learning_rate[lane];
    if (job.total_steps) {
        const double part = step < job.total_steps ? (double)step / job.total_steps : 1.0;
        rate *= 0.5 * (1.0 + std::cos(3.14159265358979323846 * part));
    }
    const double first = 1.0 - std::pow(0.9, (double)(step + 1)), second = 1.0 - std::pow(0.999, (double)(step + 1));
    float *moved = at.moved, *new_momentum = at.moved + SIZE, *new_scale = at.moved + 2 * SIZE;
    for (int n = 0; n < SIZE; n++) {
        const float g = factor * gradient[n];
        new_momentum[n] = 0.9f * momentum[n] + 0.1f * g;
        new_scale[n] = 0.999f * scale[n] + 0.001f * g * g;
        const float mean = new_momentum[n] / (float)first, size = new_scale[n] / (float)second;
        moved[n] = parameters[n] - (float)rate * mean / (std::sqrt(size) + 1e-8f);
    }
    if (!finite(moved, SIZE)) return false;
    std::memcpy(parameters, moved, sizeof(float) * SIZE);
    std::memcpy(momentum, new_momentum, sizeof(float) * SIZE);
    std::memcpy(scale, new_scale, sizeof(float) * SIZE);
    return true;
}

}  // namespace

extern "C" {

// What whoever calls must agree on.
int64_t job_size() { return sizeof(Job); }

int64_t scratch_bytes(const Job *job) {
    Scratch at;
    return lay_out(*job, at, nullptr);
}

// Trains the networks begin <= lane < end by job->steps steps. Returns 0, or 1 if there was no memory.
int train(const Job *given, int64_t begin, int64_t end) {
    const Job &job = *given;
    const Workspace space(job);
    if (!space.memory) return 1;
    const FlushDenormals flush;
    for (int64_t lane = begin; lane < end; lane++)
        for (int64_t step = 0; step < job.steps && job.alive[lane]; step++) {
            const float loss = differentiate(job, space.at, lane, at_step(job.keys + 2 * lane, job.first_step + step));
            job.loss[lane] = loss;
            if (job.gradient) {
                std::memcpy(job.gradient + lane * SIZE, space.at.gradient, sizeof(float) * SIZE);
                continue;
            }
            const bool sound = std::isfinite(loss) && finite(space.at.gradient, SIZE);
            job.alive[lane] = sound && descend(job, space.at, lane, job.first_step + step);
        }
    return 0;
}

// Adds up, over the sequences of `steps` batches: the loss of a sequence, its square, the mean squared error by output.
int evaluate(const Job *given, int64_t begin, int64_t end) {
    const Job &job = *given;
    const Workspace space(job);
    if (!space.memory) return 1;
    const FlushDenormals flush;
    const double share = 1.0 / (double)(job.horizon - job.burn_in);
    for (int64_t lane = begin; lane < end; lane++) {
        unpack(job, space.at, job.parameters + lane * SIZE, lane);
        double *sums = job.sums + lane * (2 + NY);
        for (int64_t batch = 0; batch < job.steps; batch++) {
            const int64_t left = job.sequences - batch * job.batch, counted = left < job.batch ? left : job.batch;
            for (int64_t first = 0; first < counted; first += LANES) {
                double squares[NY][LANES] = {};
                draw(job, space.at, lane, {job.keys[2 * batch], job.keys[2 * batch + 1]}, first);
                forward<false>(job, space.at, lane, Vector{}, squares);
                for (int64_t i = 0; i < LANES && first + i < counted; i++) {
                    double loss = 0;
                    for (int o = 0; o < NY; o++) {
                        const double error = share * squares[o][i];
                        loss += job.importance[o] * error;
                        sums[2 + o] += error;
                    }
                    sums[0] += loss;
                    sums[1] += loss * loss;
                }
            }
        }
    }
    return 0;
}

// Inputs of one network at the first step, (batch, horizon, NX): what `train` hears.
int draw_inputs(const Job *given, int64_t lane, float *inputs) {
    const Job &job = *given;
    const Workspace space(job);
    if (!space.memory) return 1;
    for (int64_t begin = 0; begin < job.batch; begin += LANES) {
        draw(job, space.at, lane, at_step(job.keys + 2 * lane, job.first_step), begin);
        for (int64_t i = 0; i < LANES && begin + i < job.batch; i++)
            for (int64_t t = 0; t < job.horizon; t++)
                for (int f = 0; f < NX; f++)
                    inputs[((begin + i) * job.horizon + t) * NX + f] =
                        space.at.inputs[(job.deepest_tap + t) * NX + f][i];
    }
    return 0;
}
}
