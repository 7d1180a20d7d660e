// Modules that cannot be used, for test_cuda_module: of another version, or none at all.
#include "backend_ops.h"

#ifdef STUB_VERSION
extern const asc_backend_module ascribe_backend_module;
const asc_backend_module ascribe_backend_module = {.interface_version = STUB_VERSION};
#else
int stub_of_nothing(void);
int stub_of_nothing(void)
{
    return 0;
}
#endif
