# Where no GPU can be used the reason is said, and the exit code is the one for devices. Machines with a GPU have nothing to say here.
if "$ASCRIBE" devices --json | grep -q '"backend": "cuda".*"usable": true'; then
    printf 'ascribe: error: --backend cuda: here is one\n...\n' >&2
    exit 69
fi
"$ASCRIBE" explain --model m --data d.h5 --out o.h5 --backend cuda
