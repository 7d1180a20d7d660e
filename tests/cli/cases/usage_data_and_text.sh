"$ASCRIBE" explain --model m --data d.h5 --text hello
