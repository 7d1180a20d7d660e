"$ASCRIBE" explain --model m --data none.csv --out o.h5
