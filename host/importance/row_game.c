// Where coalitions stand: anchors (0 all, 1 none), then, of an enumerated row, the subsets 1 ... 2^p - 2 by their bits; of others, for each
// order and k = 1 ... p - 1, its first k players and all the others; on visit 0 then all players but each. See row_game.h.
#include "importance/row_game.h"

#include "philox.h"
#include "shapes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool row_game_is_exact(size_t n_players)
{
    return n_players <= ROW_GAME_MOST_EXACT;
}

size_t row_game_n_coalitions(size_t n_players, size_t visit)
{
    if (row_game_is_exact(n_players))
        return visit == 0 ? ((size_t)1 << n_players) - 2 : 0;
    return ROW_GAME_ORDERS * walks_length(n_players) + (visit == 0 ? n_players : 0);
}

// The features of the players that `has` names, or of all others.
static void append(const row_game *game, const uint8_t *has, bool others, uint64_t *mask, row_design *out)
{
    memset(mask, 0, mask_words(game->n_features) * sizeof *mask);
    for (size_t f = 0; f < game->n_features; f++)
        if ((has[game->players[f]] != 0) != others)
            mask_add(mask, f);
    row_design_append(out, mask, 0);
}

static void fill_exact(const row_game *game, uint8_t *has, uint64_t *mask, row_design *out)
{
    const size_t full = ((size_t)1 << game->n_players) - 1;
    for (size_t subset = 1; subset < full && game->visit == 0; subset++) {
        for (size_t i = 0; i < game->n_players; i++)
            has[i] = subset >> i & 1;
        append(game, has, false, mask, out);
    }
}

static void fill_orders(const row_game *game, uint32_t *orders, uint8_t *has, uint64_t *mask, row_design *out)
{
    const size_t p = game->n_players;
    const row_draw draw = {.seed = game->seed, .row_id = game->row_id, .n_features = p};
    for (size_t i = 0; i < ROW_GAME_ORDERS; i++) {
        uint32_t *order = orders + i * p;
        row_order_draw(&draw, PHILOX_IMPORTANCE, (uint32_t)(game->visit * ROW_GAME_ORDERS + i), order);
        memset(has, 0, p);
        for (size_t k = 0; k + 1 < p; k++) {
            has[order[k]] = 1;
            append(game, has, false, mask, out);
            append(game, has, true, mask, out);
        }
    }
    memset(has, 0, p);
    for (size_t i = 0; i < p && game->visit == 0; i++) {
        has[i] = 1;
        append(game, has, true, mask, out);
        has[i] = 0;
    }
}

asc_status row_game_fill(const row_game *game, uint32_t *orders, row_design *out, asc_error *err)
{
    assert(game->n_players >= 1 && game->visit < ROW_GAME_MOST_VISITS && out->count == 2);
    uint64_t *mask = malloc(mask_words(game->n_features) * sizeof *mask);
    uint8_t *has = malloc(game->n_players);
    asc_status status = ASC_OK;
    if (!mask || !has)
        status = fail_memory(err, "the coalitions of a row", game->n_players);
    else if (row_game_is_exact(game->n_players))
        fill_exact(game, has, mask, out);
    else
        fill_orders(game, orders, has, mask, out);
    free(has);
    free(mask);
    return status;
}

static size_t subset_at(size_t n_players, size_t subset)
{
    if (subset == 0)
        return 1;
    return subset == ((size_t)1 << n_players) - 1 ? 0 : subset + 1;
}

// phi_i = sum over subsets S without i of |S|! (p - |S| - 1)! / p! (v(S + i) - v(S)).
static void solve_exact(size_t p, const double *values, double *out)
{
    static const double factorials[ROW_GAME_MOST_EXACT + 1] = {1, 1, 2, 6, 24};
    for (size_t i = 0; i < p; i++) {
        out[i] = 0;
        for (size_t subset = 0; subset < (size_t)1 << p; subset++) {
            size_t size = 0;
            if (subset >> i & 1)
                continue;
            for (size_t j = 0; j < p; j++)
                size += subset >> j & 1;
            out[i] += factorials[size] * factorials[p - size - 1] / factorials[p] *
                      (values[subset_at(p, subset | (size_t)1 << i)] - values[subset_at(p, subset)]);
        }
    }
}

// values: of the order's coalitions; `ends`: of the anchors.
static void solve_order(size_t p, const uint32_t *order, const double *values, const double *ends, double *out)
{
    for (size_t k = 0; k < p; k++) {
        const double before = k == 0 ? ends[1] : values[2 * (k - 1)], others_before = k == 0 ? ends[0] : values[2 * (k - 1) + 1];
        const double with = k + 1 == p ? ends[0] : values[2 * k], others_with = k + 1 == p ? ends[1] : values[2 * k + 1];
        out[order[k]] = 0.5 * ((with - before) + (others_before - others_with));
    }
}

void row_game_solve(size_t n_players, const uint32_t *orders, const double *values, double *first, double *second)
{
    if (row_game_is_exact(n_players)) {
        solve_exact(n_players, values, first);
        memcpy(second, first, n_players * sizeof *first);
        return;
    }
    solve_order(n_players, orders, values + 2, values, first);
    solve_order(n_players, orders + n_players, values + 2 + walks_length(n_players), values, second);
}

size_t row_game_without(size_t n_players, size_t player)
{
    if (row_game_is_exact(n_players))
        return subset_at(n_players, (((size_t)1 << n_players) - 1) & ~((size_t)1 << player));
    return 2 + ROW_GAME_ORDERS * walks_length(n_players) + player;
}
