mkdir folder
"$ASCRIBE" explain --model m --data folder --out o.h5
