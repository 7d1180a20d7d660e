"$ASCRIBE" importance --help
