"$ASCRIBE" explain --data d.h5 --out o.h5
