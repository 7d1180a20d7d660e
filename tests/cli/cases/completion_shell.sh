"$ASCRIBE" completion fish
