"$ASCRIBE" explain --model --data y.h5
