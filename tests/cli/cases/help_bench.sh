"$ASCRIBE" bench --help
