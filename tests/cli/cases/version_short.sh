"$ASCRIBE" --version
