// The game of one row: its players are the groups of words that it has, the value of a coalition is minus the loss of what the model says
// of the row with the words of these groups alone.
//
// SAGE (Covert, Lundberg, Lee: "Understanding global feature contributions with additive importance measures", NeurIPS 2020) is the Shapley
// value of the game of the mean over rows. The Shapley value is linear, and a group that a row does not have changes nothing there (a dummy
// player): so a group's SAGE value is the mean over all rows of its value in the row's own game, 0 where the row does not have it.
//
// Rows of few players are enumerated once. For others a visit draws two orders, independent of each other and of all other visits, each walked
// forwards and backwards (antithetic: Mitchell et al., JMLR 2022): two equal estimates, so that their difference says how exact they are.
#ifndef ASCRIBE_IMPORTANCE_ROW_GAME_H
#define ASCRIBE_IMPORTANCE_ROW_GAME_H

#include "coalition/row_design.h"

enum {
    ROW_GAME_MOST_EXACT = 4,      // players of a row that is enumerated
    ROW_GAME_ORDERS = 2,          // that a visit draws
    ROW_GAME_MOST_PER_PLAYER = 5, // coalitions of a visit, anchors apart: 4 (p - 1), and on the first one all players but one; 2^p - 2
    ROW_GAME_MOST_VISITS = 1 << 20,
};

typedef struct row_game {
    uint64_t seed, row_id;
    size_t n_features, n_players; // at least 1 each
    const uint32_t *players;      // [n_features] the player that has the feature, 0 ... n_players - 1
    size_t visit;                 // from 0
} row_game;

// Whether the row is enumerated: on visit 0; it has no coalitions on later ones.
bool row_game_is_exact(size_t n_players);
// Coalitions of a visit, anchors apart.
size_t row_game_n_coalitions(size_t n_players, size_t visit);

// Appends the visit's coalitions to a design that holds the anchors, and says which orders were drawn: [ROW_GAME_ORDERS, n_players].
asc_status row_game_fill(const row_game *game, uint32_t *orders, row_design *out, asc_error *err);

// From the values of the coalitions, anchors first, to two independent estimates of each player's Shapley value [n_players]; both are the
// exact one where the row is enumerated.
void row_game_solve(size_t n_players, const uint32_t *orders, const double *values, double *first, double *second);

// Visit 0: which coalition is all players but one.
size_t row_game_without(size_t n_players, size_t player);

#endif
