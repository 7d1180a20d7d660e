// Our samplers' full enumeration, import and solvers against what shap's KernelExplainer and lime's LimeTextExplainer answered:
// tests/golden/peers.h5, written by tests/golden/record_peers.py (versions there).
//
// Bound: 1e-5 of the largest |phi| of the row and output, by agreement of the project; the rounding that really remains is about
// 1e-13 and is printed.
#include "../row_design_testing.h"

#include "explain/row_masks.h"

#include <hdf5.h>
#include <stdio.h>

enum { MOST_ENUMERATED = 11, N_OUTPUTS = 2, GAME_MASKS = 1 << 14, N_FIT = 3 };
static const double tolerance = 1e-5;
static const asc_backend_kind backends[] = {ASC_BACKEND_REF_GUARDED, ASC_BACKEND_CPU};
enum { N_BACKENDS = sizeof backends / sizeof *backends };

// Reads a whole dataset as doubles; *count of them. The caller frees.
static double *read_set(hid_t file, const char *name, size_t *count)
{
    const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(set >= 0);
    const hid_t space = H5Dget_space(set);
    const size_t n = (size_t)H5Sget_simple_extent_npoints(space);
    double *values = calloc(n + 1, sizeof *values);
    assert_true(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Sclose(space);
    H5Dclose(set);
    if (count)
        *count = n;
    return values;
}

// Largest difference relative to the largest expected |phi| of one output.
static double difference(size_t n, const double *found, size_t found_stride, const double *expected, size_t stride)
{
    double largest = 0, scale = 0;
    for (size_t i = 0; i < n; i++) {
        const double apart = fabs(found[i * found_stride] - expected[i * stride]);
        assert_true(isfinite(found[i * found_stride]));
        largest = apart > largest ? apart : largest;
        scale = fabs(expected[i * stride]) > scale ? fabs(expected[i * stride]) : scale;
    }
    assert_true(scale > 1e-6);
    return largest / scale;
}

// ---- Everything enumerated --------------------------------------------------------------------------------------

static void enumeration_is_kernel_explainers(void **state)
{
    (void)state;
    const hid_t games_file = H5Fopen(ASCRIBE_DATA_DIR "/golden/games/games.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t file = H5Fopen(PEERS_FILE, H5F_ACC_RDONLY, H5P_DEFAULT);
    size_t n_cases = 0;
    double *games = read_set(games_file, "values", NULL), *sizes = read_set(file, "enumerated/n", &n_cases);
    double *numbers = read_set(file, "enumerated/game", NULL);
    double *expected[] = {read_set(file, "enumerated/phi", NULL), read_set(file, "enumerated/phi_l1", NULL)};
    double worst = 0;
    assert_true(n_cases >= 6);
    for (size_t i = 0; i < n_cases; i++) {
        const size_t n = (size_t)sizes[i], budget = design_full_budget(n);
        row_design d = make_row_design(n, budget + 2);
        const row_draw draw = {99, i, n, budget};
        assert_int_equal(kernel_shap_draw(&draw, &d, NULL), ASC_OK);
        assert_int_equal(d.count, budget + 2);
        double *values = calloc(d.count, sizeof *values);
        for (size_t c = 0; c < d.count; c++)
            values[c] = games[(size_t)numbers[i] * GAME_MASKS + d.masks[c]];
        for (size_t k = 0; k < 2 * N_BACKENDS; k++) {
            const row_solver solver = {backends[k / 2], ASC_SOLVE_CONSTRAINED, k % 2 ? ASC_SELECT_LARS : ASC_SELECT_ALL, 10, 1};
            row_solution found = solve_row_design(&solver, &d, values);
            worst = fmax(worst, difference(n, found.phi, 1, expected[k % 2] + i * MOST_ENUMERATED, 1));
            assert_int_equal(found.deficient, 0);
            free_row_solution(&found);
        }
        free(values);
        free_row_design(&d);
    }
    printf("enumerated, %zu games: largest difference %.2g of max |phi|\n", n_cases, worst);
    assert_true(worst <= tolerance);
    free(expected[1]);
    free(expected[0]);
    free(numbers);
    free(sizes);
    free(games);
    H5Fclose(file);
    H5Fclose(games_file);
}

// ---- The peers' own coalitions ----------------------------------------------------------------------------------

typedef struct replay {
    mask_file *masks;
    size_t n_rows;
    double *features, *offsets, *kind, *n_selected, *values, *full, *empty, *phi_offsets, *phi, *fit;
} replay;

static int open_replay(void **state)
{
    replay *r = calloc(1, sizeof *r);
    asc_error err = {0};
    const hid_t file = H5Fopen(PEERS_FILE, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_int_equal(mask_file_open(PEERS_FILE, NULL, &r->masks, &err), ASC_OK);
    r->features = read_set(file, "rows/features", &r->n_rows);
    r->offsets = read_set(file, "offsets", NULL);
    r->kind = read_set(file, "kind", NULL);
    r->n_selected = read_set(file, "n_selected", NULL);
    r->values = read_set(file, "values", NULL);
    r->full = read_set(file, "full", NULL);
    r->empty = read_set(file, "empty", NULL);
    r->phi_offsets = read_set(file, "phi_offsets", NULL);
    r->phi = read_set(file, "phi", NULL);
    r->fit = read_set(file, "fit", NULL);
    H5Fclose(file);
    *state = r;
    return 0;
}

static int close_replay(void **state)
{
    replay *r = *state;
    double *sets[] = {r->features, r->offsets, r->kind, r->n_selected, r->values, r->full, r->empty, r->phi_offsets, r->phi, r->fit};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        free(sets[i]);
    mask_file_close(r->masks);
    free(r);
    return 0;
}

// The design as it is imported, and its values found again among the recorded ones.
static row_design import_row(const replay *r, size_t row, double **values)
{
    const size_t n = (size_t)r->features[row], n_words = mask_words(n), first = (size_t)r->offsets[row];
    const explain_request request = {.sampler = &sampler_shap, .masks = r->masks};
    mask_row recorded;
    asc_error err = {0};
    row_design d = make_row_design(n, mask_file_most(r->masks, n) + 2);
    if (row_masks_make(&request, row, &d, &err) != ASC_OK || mask_file_read(r->masks, row, n, &recorded, &err) != ASC_OK)
        fail_msg("%s", err.message);
    *values = calloc(d.count * N_OUTPUTS, sizeof **values);
    memcpy(*values, r->full + row * N_OUTPUTS, N_OUTPUTS * sizeof **values);
    memcpy(*values + N_OUTPUTS, r->empty + row * N_OUTPUTS, N_OUTPUTS * sizeof **values);
    for (size_t c = 2; c < d.count; c++) {
        size_t at = 0;
        while (at < recorded.count && memcmp(recorded.masks + at * n_words, row_coalition(&d, c), n_words * sizeof(uint64_t)) != 0)
            at++;
        assert_true(at < recorded.count);
        memcpy(*values + c * N_OUTPUTS, r->values + (first + at) * N_OUTPUTS, N_OUTPUTS * sizeof **values);
    }
    mask_row_free(&recorded);
    return d;
}

static row_solver solver_of(const replay *r, size_t row, asc_backend_kind backend)
{
    static const asc_selection selections[] = {ASC_SELECT_ALL,     ASC_SELECT_LARS,    ASC_SELECT_ALL,
                                               ASC_SELECT_FORWARD, ASC_SELECT_HIGHEST, ASC_SELECT_LASSO};
    const size_t kind = (size_t)r->kind[row];
    return (row_solver){backend, kind < 2 ? ASC_SOLVE_CONSTRAINED : ASC_SOLVE_RIDGE, selections[kind], (size_t)r->n_selected[row], N_OUTPUTS};
}

static void replayed_designs_give_the_peers_numbers(void **state)
{
    const replay *r = *state;
    double worst[6] = {0};
    for (size_t row = 0; row < r->n_rows; row++) {
        const size_t n = (size_t)r->features[row], kind = (size_t)r->kind[row];
        double *values = NULL;
        row_design d = import_row(r, row, &values);
        for (size_t b = 0; b < N_BACKENDS; b++) {
            const row_solver solver = solver_of(r, row, backends[b]);
            row_solution found = solve_row_design(&solver, &d, values);
            const double *phi = r->phi + (size_t)r->phi_offsets[row] * N_OUTPUTS;
            for (size_t k = 0; k < N_OUTPUTS; k++) {
                worst[kind] = fmax(worst[kind], difference(n, found.phi + k, N_OUTPUTS, phi + k, N_OUTPUTS));
                for (size_t i = 0; kind >= 2 && i < N_FIT; i++)
                    assert_true(fabs(found.fit[i * N_OUTPUTS + k] - r->fit[row * N_FIT * N_OUTPUTS + i * N_OUTPUTS + k]) < tolerance);
            }
            free_row_solution(&found);
        }
        free(values);
        free_row_design(&d);
    }
    static const char *const names[] = {"shap", "shap, l1", "lime, all", "lime, forward", "lime, highest", "lime, lasso path"};
    for (size_t kind = 0; kind < 6; kind++) {
        printf("replayed %-16s largest difference %.2g of max |phi|\n", names[kind], worst[kind]);
        assert_true(worst[kind] > 0 && worst[kind] <= tolerance);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enumeration_is_kernel_explainers),
        cmocka_unit_test_setup_teardown(replayed_designs_give_the_peers_numbers, open_replay, close_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
