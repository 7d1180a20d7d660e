// The count of calls to what is emulated, and which of them fails (emulate_fail): shared by the emulated libraries.
#ifndef ASCRIBE_EMULATED_CALLS_H
#define ASCRIBE_EMULATED_CALLS_H

#include <cstddef>

bool emulated_call_fails(bool is_sticky); // counts a call; whether it is one that fails

// Whether the context does not survive it.
bool emulated_is_sticky(int failure);

// What a call returns: `success`, or `failure` when it is its turn, or when an earlier failure has cost the context.
template <typename Status> Status emulated_call(Status success, Status failure)
{
    return emulated_call_fails(emulated_is_sticky((int)failure)) ? failure : success;
}

size_t emulated_live_streams(); // and events

#endif
