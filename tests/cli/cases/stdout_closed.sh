"$ASCRIBE" --help >&-
