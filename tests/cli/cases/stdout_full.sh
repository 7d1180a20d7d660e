"$ASCRIBE" --help > /dev/full
