"$ASCRIBE" probe --help
