// A program whose functions are called like some inside the library, and which uses it all the same.
#include <ascribe/ascribe.h>

#include <stdlib.h>

int fail(void);
int hash_file(void);
int stream_create(void);

int fail(void)
{
    abort();
}

int hash_file(void)
{
    return fail();
}

int stream_create(void)
{
    return fail();
}

int main(int argc, char **argv)
{
    asc_dataset *dataset = NULL;
    asc_error err;

    if (argc > 3)
        return fail() + hash_file() + stream_create();
    return asc_dataset_open(argv[0], &dataset, &err) == ASC_MALFORMED ? 0 : 1; // a program is no dataset
}
