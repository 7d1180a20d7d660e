// Functions that a team runs together: one thread on the host, a block on a device (cuda/team.cuh defines these words before).
//
// All members call a team's function with the same arguments and, unless it says otherwise, find in memory what stood there at the last
// TEAM_SYNC; scalars are every member's own and alike, arrays are shared. An element is written by one member, and its sum is one member's
// in ascending order: so the bits depend on the order that the code names, not on the size of the team. With one member TEAM_FOR is a
// plain loop and TEAM_SYNC nothing.
#ifndef ASCRIBE_TEAM_H
#define ASCRIBE_TEAM_H

#include <stddef.h>

#ifndef TEAM_FUNCTION
#define TEAM_FUNCTION static inline
#define TEAM_RANK ((size_t)0)
#define TEAM_SIZE ((size_t)1)
#define TEAM_SYNC() ((void)0)
#define TEAM_LOWEST_BIT(bits) ((size_t)__builtin_ctzll(bits)) // of a word that is not 0
#endif

#define TEAM_LEADS (TEAM_RANK == 0)
#define TEAM_FOR(index, first, end) for (size_t index = (first) + TEAM_RANK; index < (end); index += TEAM_SIZE)

#endif
