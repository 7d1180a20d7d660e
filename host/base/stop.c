// See stop.h.
#include "base/stop.h"

bool stop_asked(const stop_check *stop)
{
    return stop && stop->asked && stop->asked(stop->user) != 0;
}

asc_status stop_fail(asc_error *err)
{
    return fail(err, ASC_STOPPED, "stopped before the end, as asked");
}

asc_status stop_poll(const stop_check *stop, asc_error *err)
{
    return stop_asked(stop) ? stop_fail(err) : ASC_OK;
}
