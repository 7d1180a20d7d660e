// The count of calls to what is emulated, and which of them fails (emulate_fail): shared by the emulated libraries.
#ifndef ASCRIBE_EMULATED_CALLS_H
#define ASCRIBE_EMULATED_CALLS_H

bool emulated_call_fails(); // counts a call; whether it is one that fails

// What a call returns: `success`, or `failure` when it is its turn.
template <typename Status> Status emulated_call(Status success, Status failure)
{
    return emulated_call_fails() ? failure : success;
}

#endif
