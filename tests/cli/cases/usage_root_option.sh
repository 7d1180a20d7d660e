"$ASCRIBE" --versoin
