"$ASCRIBE" explain --model m --data d.h5
