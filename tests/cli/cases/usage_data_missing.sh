"$ASCRIBE" explain --model m --out o.h5
