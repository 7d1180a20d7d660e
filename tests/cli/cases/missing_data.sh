"$ASCRIBE" explain --model m --data none.h5 --out o.h5
