"$ASCRIBE" help nonsense
