// How good the designs are on real games: relative error against exact Shapley values, beside shap's own
// sampler at the same number of evaluations, and how often phi +- 1.96 standard errors covers the truth.
//
// Games: data/golden/games/games.h5, 20 DistilBERT sentiment games of 14 tokens with all 2^14 values. The
// peer is written here from shap's shap/explainers/_kernel.py (KernelExplainer, l1_reg off) and shares
// nothing with the library. Error: sqrt(mean over draws of |phi_hat - phi|^2 / |phi|^2).
#include "../design_testing.h"

#include <hdf5.h>
#include <stdio.h>

#ifndef ASCRIBE_DATA_DIR
#error "ASCRIBE_DATA_DIR: define it as the path of the data folder"
#endif

enum { N = 14, N_MASKS = 1 << N, N_GAMES = 20, N_BUDGETS = 4, N_RELABELLINGS = 64, N_PEER_DRAWS = 200 };
static const size_t budgets[N_BUDGETS] = {4 * N, 8 * N, 16 * N, 32 * N};

typedef struct game_table {
    double value[N_GAMES][N_MASKS]; // index = bit mask of the present tokens
    double phi[N_GAMES][N];
    double squared_norm[N_GAMES];
} game_table;

// By the definition: marginal contributions weighted by 1 / (n C(n - 1, s)).
static void shapley_values(const double *value, double *phi)
{
    double weight[N];
    for (size_t s = 0; s < N; s++)
        weight[s] = 1 / (N * choose(N - 1, s));
    for (size_t i = 0; i < N; i++) {
        phi[i] = 0;
        for (size_t mask = 0; mask < N_MASKS; mask++)
            if (!(mask >> i & 1))
                phi[i] += weight[__builtin_popcountll(mask)] * (value[mask | (size_t)1 << i] - value[mask]);
    }
}

static int load_games(void **state)
{
    game_table *table = calloc(1, sizeof *table);
    const hid_t file = H5Fopen(ASCRIBE_DATA_DIR "/golden/games/games.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t set = file < 0 ? -1 : H5Dopen2(file, "values", H5P_DEFAULT);
    const hid_t space = set < 0 ? -1 : H5Dget_space(set);
    hsize_t shape[2] = {0, 0};
    const bool usable = table && space >= 0 && H5Sget_simple_extent_ndims(space) == 2 &&
                        H5Sget_simple_extent_dims(space, shape, NULL) == 2 && shape[0] == N_GAMES &&
                        shape[1] == N_MASKS &&
                        H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, table->value) >= 0;
    if (space >= 0)
        H5Sclose(space);
    if (set >= 0)
        H5Dclose(set);
    if (file >= 0)
        H5Fclose(file);
    if (!usable) {
        free(table);
        return -1;
    }
    for (size_t g = 0; g < N_GAMES; g++) {
        shapley_values(table->value[g], table->phi[g]);
        for (size_t i = 0; i < N; i++)
            table->squared_norm[g] += table->phi[g][i] * table->phi[g][i];
    }
    *state = table;
    return 0;
}

static int free_games(void **state)
{
    free(*state);
    return 0;
}

static double squared_error(const game_table *table, size_t game, const double *phi)
{
    double sum = 0;
    for (size_t i = 0; i < N; i++)
        sum += (phi[i] - table->phi[game][i]) * (phi[i] - table->phi[game][i]);
    return sum / table->squared_norm[game];
}

// ---------------------------------------------------------------- shap.KernelExplainer

// The peer's random numbers: xorshift64* (Vigna 2016), upper bits.
static double peer_uniform(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)(*state * UINT64_C(2685821657736338717) >> 11) / 9007199254740992.0;
}

enum { PAIRED_SIZES = (N - 1) / 2, SIZES = N / 2 }; // sizes with a complement of another size; all of them

typedef struct peer_sample {
    size_t n_rows;
    size_t mask[N_MASKS];
    double weight[N_MASKS];
    int row_of_mask[N_MASKS]; // of the random part, -1 = not drawn
} peer_sample;

static void peer_row(peer_sample *sample, size_t mask, double weight)
{
    sample->mask[sample->n_rows] = mask;
    sample->weight[sample->n_rows++] = weight;
}

// Enumerates sizes as long as the expected number of draws of every subset is 1; returns the number of sizes
// taken.
static size_t peer_enumerate(peer_sample *sample, size_t budget, const double *size_weight)
{
    double remaining[SIZES];
    double left = (double)budget;
    memcpy(remaining, size_weight, sizeof remaining);
    for (size_t s = 1; s <= SIZES; s++) {
        const bool paired = s <= PAIRED_SIZES;
        const double n_subsets = choose(N, s) * (paired ? 2 : 1);
        const double share = remaining[s - 1];
        if (left * share / n_subsets < 1 - 1e-8)
            return s - 1;
        left -= n_subsets;
        if (share < 1)
            for (size_t k = 0; k < SIZES; k++)
                remaining[k] /= 1 - share;
        const double weight = size_weight[s - 1] / choose(N, s) / (paired ? 2 : 1);
        for (size_t mask = 0; mask < N_MASKS; mask++) {
            if ((size_t)__builtin_popcountll(mask) != s)
                continue;
            peer_row(sample, mask, weight);
            if (paired)
                peer_row(sample, mask ^ (N_MASKS - 1), weight);
        }
    }
    return SIZES;
}

static size_t peer_subset(uint64_t *random, size_t size)
{
    size_t order[N];
    size_t mask = 0;
    for (size_t i = 0; i < N; i++)
        order[i] = i;
    for (size_t i = N - 1; i > 0; i--) {
        const size_t j = (size_t)(peer_uniform(random) * (double)(i + 1));
        const size_t held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
    for (size_t k = 0; k < size; k++)
        mask |= (size_t)1 << order[k];
    return mask;
}

// Draws the rest: repeated subsets weigh more and cost nothing, complements of paired sizes come right after.
static void peer_draw(peer_sample *sample, size_t left, const double *size_chance, size_t first_size,
                      uint64_t *random)
{
    for (size_t mask = 0; mask < N_MASKS; mask++)
        sample->row_of_mask[mask] = -1;
    for (size_t n_draws = 4 * left; n_draws > 0 && left > 0; n_draws--) {
        double u = peer_uniform(random);
        size_t s = first_size;
        while (s < SIZES && u >= size_chance[s - 1])
            u -= size_chance[s++ - 1];
        const size_t mask = peer_subset(random, s);
        const int row = sample->row_of_mask[mask];
        if (row < 0) {
            sample->row_of_mask[mask] = (int)sample->n_rows;
            peer_row(sample, mask, 1);
            left--;
        } else {
            sample->weight[row] += 1;
        }
        if (left > 0 && s <= PAIRED_SIZES) {
            if (row < 0) {
                peer_row(sample, mask ^ (N_MASKS - 1), 1);
                left--;
            } else {
                sample->weight[row + 1] += 1;
            }
        }
    }
}

static void peer_coalitions(peer_sample *sample, size_t budget, uint64_t *random)
{
    double size_weight[SIZES];
    double size_chance[SIZES] = {0};
    double total = 0;
    sample->n_rows = 0;
    for (size_t s = 1; s <= SIZES; s++) {
        size_weight[s - 1] = (N - 1.0) / (double)(s * (N - s)) * (s <= PAIRED_SIZES ? 2 : 1);
        total += size_weight[s - 1];
    }
    for (size_t s = 1; s <= SIZES; s++)
        size_weight[s - 1] /= total;
    const size_t n_full = peer_enumerate(sample, budget, size_weight);
    const size_t n_fixed = sample->n_rows;
    if (n_full == SIZES)
        return;
    double mass = 0;
    total = 0;
    for (size_t s = n_full + 1; s <= SIZES; s++) {
        mass += size_weight[s - 1];
        size_chance[s - 1] = size_weight[s - 1] / (s <= PAIRED_SIZES ? 2 : 1);
        total += size_chance[s - 1];
    }
    for (size_t s = n_full + 1; s <= SIZES; s++)
        size_chance[s - 1] /= total;
    peer_draw(sample, budget - n_fixed, size_chance, n_full + 1, random);
    double sampled = 0;
    for (size_t row = n_fixed; row < sample->n_rows; row++)
        sampled += sample->weight[row];
    for (size_t row = n_fixed; row < sample->n_rows; row++)
        sample->weight[row] *= mass / sampled;
}

// Gaussian elimination with partial pivoting, a [N - 1, N] with the right-hand side last; x [N - 1].
static void eliminate(double a[N - 1][N], double *x)
{
    for (size_t k = 0; k < N - 1; k++) {
        size_t pivot = k;
        for (size_t i = k + 1; i < N - 1; i++)
            if (fabs(a[i][k]) > fabs(a[pivot][k]))
                pivot = i;
        assert_true(fabs(a[pivot][k]) > 1e-12);
        for (size_t j = 0; j < N; j++) {
            const double held = a[k][j];
            a[k][j] = a[pivot][j];
            a[pivot][j] = held;
        }
        for (size_t i = k + 1; i < N - 1; i++) {
            const double factor = a[i][k] / a[k][k];
            for (size_t j = k; j < N; j++)
                a[i][j] -= factor * a[k][j];
        }
    }
    for (size_t k = N - 1; k-- > 0;) {
        x[k] = a[k][N - 1];
        for (size_t j = k + 1; j < N - 1; j++)
            x[k] -= a[k][j] * x[j];
        x[k] /= a[k][k];
    }
}

// Weighted least squares with the last feature eliminated by the efficiency constraint.
static void peer_solve(const peer_sample *sample, const double *value, double *phi)
{
    double normal[N - 1][N] = {{0}};
    const double delta = value[N_MASKS - 1] - value[0];
    for (size_t row = 0; row < sample->n_rows; row++) {
        const size_t mask = sample->mask[row];
        const double last = (double)(mask >> (N - 1) & 1);
        double x[N];
        for (size_t i = 0; i < N - 1; i++)
            x[i] = (double)(mask >> i & 1) - last;
        x[N - 1] = value[mask] - value[0] - last * delta;
        for (size_t i = 0; i < N - 1; i++)
            for (size_t j = 0; j < N; j++)
                normal[i][j] += sample->weight[row] * x[i] * x[j];
    }
    eliminate(normal, phi);
    phi[N - 1] = delta;
    for (size_t i = 0; i < N - 1; i++)
        phi[N - 1] -= phi[i];
}

static double peer_error(const game_table *table, size_t budget)
{
    peer_sample *sample = malloc(sizeof *sample);
    assert_non_null(sample);
    uint64_t random = 88172645463325252u + budget;
    double sum = 0;
    for (size_t game = 0; game < N_GAMES; game++) {
        for (size_t draw = 0; draw < N_PEER_DRAWS; draw++) {
            double phi[N];
            peer_coalitions(sample, budget, &random);
            assert_true(sample->n_rows <= budget);
            peer_solve(sample, table->value[game], phi);
            sum += squared_error(table, game, phi);
        }
    }
    free(sample);
    return sqrt(sum / (N_GAMES * N_PEER_DRAWS));
}

// ---------------------------------------------------------------- ours

// One row as a backend explains it: relabel, evaluate, map, standard errors. Features in the row's own order.
static void explain_row(const design *d, const double *value, uint64_t row_id, double *phi, double *std_error)
{
    int32_t permutation[N];
    double contrast[N_MASKS / 2];
    double in_labels[N] = {0};
    philox_relabel(2024, row_id, N, permutation);
    for (size_t q = 0; q < d->n_contrasts; q++) {
        size_t mask = 0;
        for (size_t i = 0; i < N; i++)
            mask |= (size_t)mask_has(coalition(d, 2 * q), (size_t)permutation[i]) << i;
        contrast[q] = value[mask] - value[mask ^ (N_MASKS - 1)];
        for (size_t label = 0; label < N; label++)
            in_labels[label] += d->map[label * d->n_contrasts + q] * contrast[q];
    }
    double variance[N] = {0};
    for (size_t q = 1; q < d->n_contrasts; q++) {
        double rest = contrast[q];
        for (size_t label = 0; label < N; label++)
            rest -= (mask_has(coalition(d, 2 * q), label) ? 1 : -1) * in_labels[label];
        for (size_t label = 0; label < N; label++) {
            const double influence = d->map[label * d->n_contrasts + q];
            variance[label] += influence * influence * d->loo_factor[q] * rest * rest;
        }
    }
    for (size_t i = 0; i < N; i++) {
        phi[i] = in_labels[permutation[i]];
        std_error[i] = sqrt(variance[permutation[i]]);
    }
}

static double our_error(const game_table *table, size_t budget, double *coverage)
{
    design *d = make_wls(N, budget);
    assert_int_equal(d->error_kind, DESIGN_ERROR_HC3);
    double sum = 0;
    size_t n_covered = 0;
    for (size_t game = 0; game < N_GAMES; game++) {
        for (uint64_t row = 0; row < N_RELABELLINGS; row++) {
            double phi[N];
            double std_error[N];
            explain_row(d, table->value[game], game * 1000 + row, phi, std_error);
            sum += squared_error(table, game, phi);
            for (size_t i = 0; i < N; i++)
                n_covered += fabs(phi[i] - table->phi[game][i]) <= 1.96 * std_error[i];
        }
    }
    design_free(d);
    *coverage = (double)n_covered / (N_GAMES * N_RELABELLINGS * N);
    return sqrt(sum / (N_GAMES * N_RELABELLINGS));
}

static void wls_beats_shap_and_knows_its_error(void **state)
{
    const game_table *table = *state;
    double ours[N_BUDGETS];
    double theirs[N_BUDGETS];
    double coverage[N_BUDGETS];
    printf("relative RMSE, %d games of %d features\n  budget     wls    shap   ratio  coverage of phi +- "
           "1.96 SE\n",
           N_GAMES, N);
    for (size_t b = 0; b < N_BUDGETS; b++) {
        ours[b] = our_error(table, budgets[b], &coverage[b]);
        theirs[b] = peer_error(table, budgets[b]);
        printf("  %5zun  %6.4f  %6.4f  %6.3f  %6.3f\n", budgets[b] / N, ours[b], theirs[b],
               ours[b] / theirs[b], coverage[b]);
    }
    for (size_t b = 0; b < N_BUDGETS; b++) {
        assert_true(ours[b] <= 0.9 * theirs[b]);
        assert_true(coverage[b] >= 0.93 && coverage[b] <= 0.995);
    }
    assert_true(ours[N_BUDGETS - 1] <= 0.30 * ours[0]);
}

// The peer is no straw man: with everything enumerated it gives the Shapley values themselves.
static void peer_is_exact_at_full_budget(void **state)
{
    const game_table *table = *state;
    peer_sample *sample = malloc(sizeof *sample);
    assert_non_null(sample);
    uint64_t random = 1;
    double phi[N];
    peer_coalitions(sample, N_MASKS - 2, &random);
    assert_int_equal(sample->n_rows, N_MASKS - 2);
    for (size_t game = 0; game < N_GAMES; game++) {
        peer_solve(sample, table->value[game], phi);
        assert_close(N, phi, table->phi[game], 1e-8);
    }
    free(sample);
}

static void exact_design_gives_the_exact_values(void **state)
{
    const game_table *table = *state;
    design *d = make_exact(N);
    for (size_t game = 0; game < N_GAMES; game++) {
        double phi[N] = {0};
        for (size_t q = 0; q < d->n_contrasts; q++) {
            const size_t mask = (size_t)coalition(d, 2 * q)[0];
            for (size_t i = 0; i < N; i++)
                phi[i] += d->map[i * d->n_contrasts + q] *
                          (table->value[game][mask] - table->value[game][mask ^ (N_MASKS - 1)]);
        }
        assert_close(N, phi, table->phi[game], 1e-11);
    }
    design_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_design_gives_the_exact_values),
        cmocka_unit_test(peer_is_exact_at_full_budget),
        cmocka_unit_test(wls_beats_shap_and_knows_its_error),
    };
    return cmocka_run_group_tests_name("games", tests, load_games, free_games);
}
